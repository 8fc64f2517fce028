import { peekReply } from '../netconf/peek-reply.js'
import { peekRequest, type PeekedRequest } from '../netconf/peek-request.js'
import { createSessionScanner } from '../netconf/framing/session-scanner.js'
import type { RpcEntry, RpcOutcome, Subject } from './audit-event.js'

/** Follows a NETCONF session and tells of each RPC once its reply has passed. */
export interface RpcTracker {
  /** Bytes that came at this time, in milliseconds of a clock that never goes back. */
  readonly fromClient: (bytes: Buffer, at: number) => void
  readonly fromDevice: (bytes: Buffer, at: number) => void
  /** Tells of the RPCs that got no reply. */
  readonly end: (at: number) => void
  readonly count: () => number
  /**
   * Whether the reply of an RPC has not passed to its end; false where the framing broke, because nobody knows then.
   */
  readonly awaitsReply: () => boolean
  /** Whether both sides have greeted, every request was answered, and neither side is in the middle of a message. */
  readonly atRest: () => boolean
  readonly netconfSessionId: () => number | undefined
  /** The sides whose framing broke. */
  readonly unreadable: () => readonly ('client' | 'device')[]
}

interface Pending {
  readonly request: PeekedRequest
  readonly bytes: number
  readonly since: number
}

/**
 * Bytes of a message that are looked at: an operation and its datastore, or the first errors of a reply, and the last
 * ones.
 */
const HEAD_SIZE = 4096
const TAIL_SIZE = 2048

/** RPCs of one session that may await their reply; beyond, the reply of the oldest is not waited for. */
const MAX_PENDING = 4096

/** @param tell told of each RPC, with the time at which it ended */
export function createRpcTracker(subject: Subject, tell: (rpc: RpcEntry, at: number) => void): RpcTracker {
  const { user, source, via, deviceId, sessionId } = subject
  const pending: Pending[] = []
  const unreadable: ('client' | 'device')[] = []
  let count = 0
  /** When the bytes came that are being looked at. */
  let now = 0

  const finish = ({ request, bytes, since }: Pending, outcome: RpcOutcome, bytesFromDevice: number): void => {
    const { messageId, operation, more } = request
    count += 1
    // One literal, because an object that is put together from parts takes longer than all the rest.
    const entry: RpcEntry = {
      user,
      source,
      via,
      deviceId,
      sessionId,
      messageId,
      operation: operation.name,
      namespace: operation.namespace,
      datastore: operation.datastore,
      moreOperations: more ? true : undefined,
      bytesFromClient: bytes,
      bytesFromDevice,
      durationSeconds: Math.round((now - since) * 1000) / 1_000_000,
      outcome,
    }
    tell(entry, now)
  }

  const scanner = createSessionScanner({
    headSize: HEAD_SIZE,
    tailSize: TAIL_SIZE,
    onMessage: (side, message) => {
      if (side === 'client') {
        const [oldest] = pending
        if (pending.length >= MAX_PENDING && oldest !== undefined) finish(oldest, 'unknown', 0)
        if (pending.length >= MAX_PENDING) pending.shift()
        pending.push({ request: peekRequest(message), bytes: message.bytes, since: now })
        return
      }
      const reply = peekReply(message)
      if (reply.kind !== 'reply') return
      const at = answeredBy(pending, reply.messageId)
      const [answered] = pending.splice(at, 1)
      if (answered !== undefined) finish(answered, reply.errorTag ?? 'ok', message.bytes)
    },
    onBroken: (side) => unreadable.push(side === 'client' ? 'client' : 'device'),
  })

  return {
    fromClient: (bytes, at) => {
      now = at
      scanner.fromClient(bytes)
    },
    fromDevice: (bytes, at) => {
      now = at
      scanner.fromServer(bytes)
    },
    end: (at) => {
      now = at
      const outcome = unreadable.includes('device') ? 'unknown' : 'aborted'
      for (const one of pending.splice(0)) finish(one, outcome, 0)
    },
    count: () => count,
    awaitsReply: () => pending.length > 0 && unreadable.length === 0,
    atRest: () => pending.length === 0 && unreadable.length === 0 && scanner.atRest(),
    netconfSessionId: scanner.sessionId,
    unreadable: () => unreadable,
  }
}

/**
 * Whom a reply answers: the oldest request of its message-id, else the oldest of all, since servers answer in order
 * (RFC 6241 §4.5).
 */
function answeredBy(pending: readonly Pending[], messageId: string | undefined): number {
  const at = pending.findIndex(({ request }) => request.messageId === messageId)
  return at === -1 ? 0 : at
}
