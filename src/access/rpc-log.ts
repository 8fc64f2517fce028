import { glanceAtReply } from '../netconf/glance-at-reply.js'
import { glanceAtRequest, type RequestGlance } from '../netconf/glance-at-request.js'
import { createSessionScanner } from '../netconf/session-scanner.js'
import type { RpcEntry, RpcOutcome, Subject } from './record-entry.js'

/** An RPC without whose it is. */
export type RpcPart = Omit<RpcEntry, keyof Subject>

/** Follows a NETCONF session and tells of each RPC once its reply has passed. */
export interface RpcLog {
  readonly fromClient: (octets: Buffer) => void
  readonly fromDevice: (octets: Buffer) => void
  /** Tells of the RPCs that got no reply. */
  readonly end: () => void
  readonly count: () => number
  readonly netconfSessionId: () => number | undefined
  /** The sides whose framing broke. */
  readonly unreadable: () => readonly ('client' | 'device')[]
}

interface Pending {
  readonly request: RequestGlance
  readonly octets: number
  readonly since: number
}

/** Octets of a message that are looked at: an operation and its datastore, or the first errors of a reply, and the last ones. */
const HEAD_SIZE = 4096
const TAIL_SIZE = 2048

/** RPCs of one session that may await their reply; beyond, the reply of the oldest is not waited for. */
const MAX_PENDING = 4096

/**
 * @param now milliseconds of a clock that never goes back
 */
export function createRpcLog(tell: (rpc: RpcPart) => void, now: () => number): RpcLog {
  const pending: Pending[] = []
  const unreadable: ('client' | 'device')[] = []
  let count = 0

  const finish = ({ request, octets, since }: Pending, outcome: RpcOutcome, bytesFromDevice: number): void => {
    const { messageId, operation, more } = request
    count += 1
    tell({
      ...(messageId === undefined ? {} : { messageId }),
      operation: operation.name,
      namespace: operation.namespace,
      ...(operation.datastore === undefined ? {} : { datastore: operation.datastore }),
      ...(more ? { moreOperations: true as const } : {}),
      bytesFromClient: octets,
      bytesFromDevice,
      durationSeconds: Math.round((now() - since) * 1000) / 1_000_000,
      outcome,
    })
  }

  const scanner = createSessionScanner({
    headSize: HEAD_SIZE,
    tailSize: TAIL_SIZE,
    onMessage: (side, message) => {
      if (side === 'client') {
        const [oldest] = pending
        if (pending.length >= MAX_PENDING && oldest !== undefined) finish(oldest, 'unknown', 0)
        if (pending.length >= MAX_PENDING) pending.shift()
        pending.push({ request: glanceAtRequest(message), octets: message.octets, since: now() })
        return
      }
      const reply = glanceAtReply(message)
      if (reply.kind !== 'reply') return
      const at = answeredBy(pending, reply.messageId)
      const [answered] = pending.splice(at, 1)
      if (answered !== undefined) finish(answered, reply.errorTag ?? 'ok', message.octets)
    },
    onBroken: (side) => unreadable.push(side === 'client' ? 'client' : 'device'),
  })

  return {
    fromClient: scanner.fromClient,
    fromDevice: scanner.fromServer,
    end: () => {
      const outcome = unreadable.includes('device') ? 'unknown' : 'aborted'
      for (const one of pending.splice(0)) finish(one, outcome, 0)
    },
    count: () => count,
    netconfSessionId: scanner.sessionId,
    unreadable: () => unreadable,
  }
}

/** Whom a reply answers: the oldest request of its message-id, else the oldest of all, since servers answer in order (RFC 6241 §4.5). */
function answeredBy(pending: readonly Pending[], messageId: string | undefined): number {
  const at = pending.findIndex(({ request }) => request.messageId === messageId)
  return at === -1 ? 0 : at
}
