import { createDeferredTap, type DeferredTap } from './deferred-tap.js'
import { createReadSums } from './read-sums.js'
import {
  boundedRpc,
  type AuditEvent,
  type RefusedSession,
  type ReplacedKey,
  type RpcEntry,
  type SessionInfo,
  type Subject,
} from './audit-event.js'
import { createRedaction } from './redaction.js'
import { createRpcTracker } from './rpc-tracker.js'
import { auditSession, type SessionAudit, type SessionObserver } from './session-audit.js'

/** Who did what on which device: each session and each RPC becomes a line. It never holds what an operation carried. */
export interface AuditLog {
  /** Why no new session or call may begin: it could not be written down. Undefined when one may. */
  readonly refusal: () => AuditRefusal | undefined
  /** Writes down that a session begins; from then on its bytes are followed. `onRpc` is told of each RPC as well. */
  readonly session: (info: SessionInfo, onRpc?: RpcListener) => SessionAuditing
  /** Writes down that a session was refused, for whatever reason. */
  readonly refused: (info: RefusedSession, reason: string) => void
  /** Writes down an RPC that nobody's bytes tell of. Reads of a user that has had its share of lines are summed. */
  readonly rpc: (entry: RpcEntry) => void
  /** Writes down that a device is bound to another host key, which nobody has decided on. */
  readonly keyReplaced: (info: ReplacedKey) => void
  /** Ends every session that is open, for a bridge that stops. */
  readonly close: () => void
}

export type SessionAuditing =
  | { readonly ok: true; readonly audit: SessionAudit }
  | { readonly ok: false; readonly refusal: AuditRefusal }

/** @param endedAt milliseconds since 1970, with fractions */
export type RpcListener = (entry: RpcEntry, endedAt: number) => void

/** Why nothing new may begin, as a client is told. */
export interface AuditRefusal {
  readonly reason: 'record-not-written'
  readonly message: string
  readonly hint: string
}

/** Where lines go. Writing never waits: what cannot be written yet is kept, within bounds. */
export interface AuditSink {
  readonly write: (entry: AuditEvent) => void
  /** Why lines cannot be written at the moment; undefined when they can. */
  readonly problem: () => { readonly message: string; readonly hint: string } | undefined
}

export interface AuditLogOptions {
  readonly sink: AuditSink
  /** What happens to new sessions and calls while lines cannot be written; asked anew each time. */
  readonly whenFull: () => 'refuse' | 'continue'
  /** Told of each RPC, for metrics. */
  readonly onRpc?: (entry: RpcEntry) => void
  /** Reads of a user within an hour that have a line each; further ones are summed. Without it all have one. */
  readonly maxReadLines?: () => number
  /** Told of a user whose reads are summed from now on, to the end of the hour. */
  readonly onSummedUser?: (user: string) => void
  /** Told how many RPCs one more line stands for. */
  readonly onSummed?: (rpcs: number) => void
  /** Asked for each session, whether somebody else follows it. */
  readonly observe?: (info: SessionInfo) => SessionObserver | undefined
  /** Told of a fault of the audit log's own; the session it happened in goes on, but is followed no further. */
  readonly onFault?: (error: unknown) => void
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  /** Bytes that passed and are looked at in a moment. */
  readonly queue?: DeferredTap
  /** Milliseconds since 1970. */
  readonly date?: () => number
}

export function createAuditLog({
  sink,
  whenFull,
  onRpc,
  maxReadLines = () => Number.POSITIVE_INFINITY,
  onSummedUser = () => undefined,
  onSummed,
  observe,
  onFault = () => undefined,
  now = () => performance.now(),
  date = Date.now,
  queue = createDeferredTap(),
}: AuditLogOptions): AuditLog {
  const open = new Set<SessionAudit>()
  let last = { at: Number.NaN, written: '' }
  /** The time of day at a time of the clock. */
  const time = (then = now()): string => {
    const at = Math.round(date() - (now() - then))
    if (at !== last.at) last = { at, written: new Date(at).toISOString() }
    return last.written
  }

  const refusal = (): AuditRefusal | undefined => {
    const problem = whenFull() === 'refuse' ? sink.problem() : undefined
    return problem === undefined
      ? undefined
      : {
          reason: 'record-not-written',
          message: 'the bridge cannot write its record, and takes no new sessions meanwhile',
          hint: 'ask whoever runs the bridge to look at its log',
        }
  }
  const sums = createReadSums({
    maxLines: maxReadLines,
    onUser: onSummedUser,
    tell: (sum, since) => {
      sink.write({ time: time(), event: 'rpcs-summed', since: time(since), ...sum })
      onSummed?.(sum.rpcs)
    },
  })
  const rpc = (ended: RpcEntry, at = now()): void => {
    const entry = boundedRpc(ended)
    onRpc?.(entry)
    if (sums.add(entry, at)) return
    const { user, source, via, deviceId, sessionId, messageId, operation, namespace, datastore } = entry
    const { moreOperations, bytesFromClient, bytesFromDevice, durationSeconds, outcome } = entry
    sink.write({
      time: time(at),
      event: 'rpc',
      user,
      source,
      via,
      deviceId,
      sessionId,
      messageId,
      operation,
      namespace,
      datastore,
      moreOperations,
      bytesFromClient,
      bytesFromDevice,
      durationSeconds,
      outcome,
    })
  }

  return {
    refusal,
    rpc: (entry) => rpc(entry),
    keyReplaced: ({ deviceId, source, fingerprint, replaced }) =>
      sink.write({ time: time(), event: 'key-replaced', deviceId, source, fingerprint, replaced }),
    refused: (info, reason) => sink.write({ time: time(), event: 'session-refused', reason, ...withoutSecrets(info) }),
    session: (wanted, onRpcOfSession) => {
      const info = withoutSecrets(wanted)
      const refused = refusal()
      if (refused !== undefined) return { ok: false, refusal: refused }
      const subject = subjectOf(info)
      const told: typeof rpc | undefined =
        onRpcOfSession &&
        ((entry, at = now()) => {
          rpc(entry, at)
          onRpcOfSession(entry, date() - (now() - at))
        })
      const rpcs = info.channel === 'netconf' ? createRpcTracker(subject, told ?? rpc) : undefined
      sink.write({ time: time(), event: 'session-opened', ...info })
      const audit = auditSession({
        rpcs,
        // What passes to a port of a device's own is nobody's to read.
        observer: info.channel === 'tcp' ? undefined : observe?.(info),
        queue,
        now,
        onFault,
        onEnd: (close) => {
          open.delete(audit)
          const port = info.channel === 'tcp' ? { request: info.request } : {}
          sink.write({ time: time(), event: 'session-closed', channel: info.channel, ...port, ...subject, ...close })
        },
      })
      open.add(audit)
      return { ok: true, audit }
    },
    close: () => {
      for (const audit of open) audit.end('shutdown')
      sums.flush()
    },
  }
}

/** Longer commands are cut off. */
const MAX_COMMAND = 1024

const redaction = createRedaction()

function withoutSecrets<T extends { readonly command?: string | undefined }>(info: T): T {
  // Cut off before, half a secret might be taken for none.
  return info.command === undefined ? info : { ...info, command: redaction.text(info.command).slice(0, MAX_COMMAND) }
}

function subjectOf({ user, source, via, deviceId, sessionId }: SessionInfo): Subject {
  return { user, source, via, deviceId, sessionId }
}
