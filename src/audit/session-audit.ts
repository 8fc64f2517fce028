import type { Look, DeferredTap } from './deferred-tap.js'
import type { SessionClose } from './audit-event.js'
import type { RpcTracker } from './rpc-tracker.js'

/** What is written down of one session. It never throws, and never holds up what it writes down. */
export interface SessionAudit {
  /** Bytes that the client sent, as it sent them. */
  readonly fromClient: (bytes: Buffer) => void
  /** Bytes that the client is sent. */
  readonly fromDevice: (bytes: Buffer) => void
  /** Whether an RPC of it awaits its reply; absent where no RPCs are followed. */
  readonly awaitsReply?: () => boolean
  /** Whether nothing is under way on it; absent where no RPCs are followed. */
  readonly atRest?: () => boolean
  /** Tells by whom or what the session was ended; once. RPCs without a reply are aborted then. */
  readonly end: (endedBy: string) => void
}

/** Follows the bytes of a session beside the audit log, such as a transcript of it. */
export interface SessionObserver {
  /** Bytes, and when they came in milliseconds of a clock that never goes back. */
  readonly fromClient: Look
  readonly fromDevice: Look
  readonly end: (at: number) => void
}

export interface SessionAuditOptions {
  /** Whoever finds the RPCs in the bytes; absent on a channel that has none. */
  readonly rpcs: RpcTracker | undefined
  readonly observer: SessionObserver | undefined
  /** Bytes that passed and are looked at in a moment. */
  readonly queue: DeferredTap
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Told of a fault of one of those who follow; the bytes are counted from then on, and looked at no further. */
  readonly onFault: (error: unknown) => void
  /** Told once how the session ended. */
  readonly onEnd: (close: SessionClose) => void
}

/** Follows a session from now until somebody ends it. */
export function auditSession({ rpcs, observer, queue, now, onFault, onEnd }: SessionAuditOptions): SessionAudit {
  const began = now()
  let bytesFromClient = 0
  let bytesFromDevice = 0
  let followed = true
  let ended = false

  const guarded =
    (look: Look): Look =>
    (bytes, at) => {
      if (!followed) return
      try {
        look(bytes, at)
      } catch (error) {
        followed = false
        onFault(error)
      }
    }
  const lookAtClient = guarded((bytes, at) => {
    rpcs?.fromClient(bytes, at)
    observer?.fromClient(bytes, at)
  })
  const lookAtDevice = guarded((bytes, at) => {
    rpcs?.fromDevice(bytes, at)
    observer?.fromDevice(bytes, at)
  })
  const somebodyFollows = rpcs !== undefined || observer !== undefined

  return {
    fromClient: (bytes) => {
      bytesFromClient += bytes.length
      if (somebodyFollows) queue.add(lookAtClient, bytes, now())
    },
    fromDevice: (bytes) => {
      bytesFromDevice += bytes.length
      if (somebodyFollows) queue.add(lookAtDevice, bytes, now())
    },
    ...(rpcs === undefined
      ? {}
      : { awaitsReply: () => followed && rpcs.awaitsReply(), atRest: () => followed && rpcs.atRest() }),
    end: (endedBy) => {
      if (ended) return
      ended = true
      queue.drain()
      rpcs?.end(now())
      observer?.end(now())
      const unreadable = rpcs?.unreadable() ?? []
      onEnd({
        endedBy,
        bytesFromClient,
        bytesFromDevice,
        durationSeconds: Math.round(now() - began) / 1000,
        rpcs: rpcs?.count() ?? 0,
        netconfSessionId: rpcs?.netconfSessionId(),
        unreadable: unreadable.length === 0 ? undefined : unreadable,
      })
    },
  }
}
