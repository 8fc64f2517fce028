import { createFollowQueue, type FollowQueue, type Look } from './deferred-tap.js'
import { createReadSums } from './read-sums.js'
import {
  boundedRpc,
  type RecordEntry,
  type RefusedSession,
  type RpcEntry,
  type SessionClose,
  type SessionInfo,
  type Subject,
} from './audit-event.js'
import { createRedaction } from './redaction.js'
import { createRpcLog } from './rpc-tracker.js'

/** Who did what on which device: each session and each RPC becomes a line. It never holds what an operation carried. */
export interface Recorder {
  /** Why no new session or call may begin: it could not be recorded. Undefined when one may. */
  readonly refusal: () => RecordRefusal | undefined
  /** Records that a session begins; from then on its octets are followed. `onRpc` is told of each RPC as well. */
  readonly session: (info: SessionInfo, onRpc?: RpcListener) => SessionRecording
  /** Records that a session was refused, for whatever reason. */
  readonly refused: (info: RefusedSession, reason: string) => void
  /** Records an RPC that nobody's octets tell of. Reads of a user that has had its share of lines are summed. */
  readonly rpc: (entry: RpcEntry) => void
  /** Ends the record of every session that is open, for a bridge that stops. */
  readonly close: () => void
}

export type SessionRecording =
  | { readonly ok: true; readonly record: SessionRecord }
  | { readonly ok: false; readonly refusal: RecordRefusal }

/** The record of one session. It never throws, and never holds up what it records. */
export interface SessionRecord {
  /** Octets that the client sent, as it sent them. */
  readonly fromClient: (octets: Buffer) => void
  /** Octets that the client is sent. */
  readonly fromDevice: (octets: Buffer) => void
  /** Whether an RPC of it awaits its reply; absent where no RPCs are followed. */
  readonly awaitsReply?: () => boolean
  /** Whether nothing is under way on it; absent where no RPCs are followed. */
  readonly atRest?: () => boolean
  /** Tells by whom or what the session was ended; once. RPCs without a reply are aborted then. */
  readonly end: (endedBy: string) => void
}

/** @param endedAt milliseconds since 1970, with fractions */
export type RpcListener = (entry: RpcEntry, endedAt: number) => void

/** Why nothing new may begin, as a client is told. */
export interface RecordRefusal {
  readonly reason: 'record-not-written'
  readonly message: string
  readonly hint: string
}

/** Where lines go. Writing never waits: what cannot be written yet is kept, within bounds. */
export interface RecordSink {
  readonly write: (entry: RecordEntry) => void
  /** Why lines cannot be written at the moment; undefined when they can. */
  readonly problem: () => { readonly message: string; readonly hint: string } | undefined
}

/** Follows the octets of a session beside the record, such as a full recording of it. */
export interface SessionObserver {
  /** Octets, and when they came in milliseconds of a clock that never goes back. */
  readonly fromClient: Look
  readonly fromDevice: Look
  readonly end: (at: number) => void
}

export interface RecorderOptions {
  readonly sink: RecordSink
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
  /** Told of a fault of the record's own; the session it happened in goes on, but is followed no further. */
  readonly onFault?: (error: unknown) => void
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  /** Octets that passed and are looked at in a moment. */
  readonly queue?: FollowQueue
  /** Milliseconds since 1970. */
  readonly date?: () => number
}

export function createRecorder({
  sink,
  whenFull,
  onRpc,
  maxReadLines = () => Number.POSITIVE_INFINITY,
  onSummedUser = () => undefined,
  onSummed,
  observe,
  onFault,
  now = () => performance.now(),
  date = Date.now,
  queue = createFollowQueue(),
}: RecorderOptions): Recorder {
  const open = new Set<SessionRecord>()
  let last = { at: Number.NaN, written: '' }
  /** The time of day at a time of the clock. */
  const time = (then = now()): string => {
    const at = Math.round(date() - (now() - then))
    if (at !== last.at) last = { at, written: new Date(at).toISOString() }
    return last.written
  }

  const refusal = (): RecordRefusal | undefined => {
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
    refused: (info, reason) => sink.write({ time: time(), event: 'session-refused', reason, ...withoutSecrets(info) }),
    session: (wanted, onRpcOfSession) => {
      const info = withoutSecrets(wanted)
      const refused = refusal()
      if (refused !== undefined) return { ok: false, refusal: refused }
      const began = now()
      const subject = subjectOf(info)
      const told: typeof rpc | undefined =
        onRpcOfSession &&
        ((entry, at = now()) => {
          rpc(entry, at)
          onRpcOfSession(entry, date() - (now() - at))
        })
      const rpcs = info.channel === 'netconf' ? createRpcLog(subject, told ?? rpc) : undefined
      const observer = observe?.(info)
      let bytesFromClient = 0
      let bytesFromDevice = 0
      let followed = true
      const guarded =
        (follow: Look): Look =>
        (octets, at) => {
          if (!followed) return
          try {
            follow(octets, at)
          } catch (error) {
            followed = false
            onFault?.(error)
          }
        }
      const lookAtClient = guarded((octets, at) => {
        rpcs?.fromClient(octets, at)
        observer?.fromClient(octets, at)
      })
      const lookAtDevice = guarded((octets, at) => {
        rpcs?.fromDevice(octets, at)
        observer?.fromDevice(octets, at)
      })
      const follows = rpcs !== undefined || observer !== undefined
      sink.write({ time: time(), event: 'session-opened', ...info })
      const record: SessionRecord = {
        fromClient: (octets) => {
          bytesFromClient += octets.length
          if (follows) queue.add(lookAtClient, octets, now())
        },
        fromDevice: (octets) => {
          bytesFromDevice += octets.length
          if (follows) queue.add(lookAtDevice, octets, now())
        },
        ...(rpcs === undefined
          ? {}
          : { awaitsReply: () => followed && rpcs.awaitsReply(), atRest: () => followed && rpcs.atRest() }),
        end: (endedBy) => {
          if (!open.delete(record)) return
          queue.drain()
          rpcs?.end(now())
          observer?.end(now())
          const close: SessionClose = {
            endedBy,
            bytesFromClient,
            bytesFromDevice,
            durationSeconds: Math.round(now() - began) / 1000,
            rpcs: rpcs?.count() ?? 0,
            netconfSessionId: rpcs?.netconfSessionId(),
            unreadable: rpcs === undefined || rpcs.unreadable().length === 0 ? undefined : rpcs.unreadable(),
          }
          sink.write({ time: time(), event: 'session-closed', channel: info.channel, ...subject, ...close })
        },
      }
      open.add(record)
      return { ok: true, record }
    },
    close: () => {
      for (const record of open) record.end('shutdown')
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
