import type { RecordEntry, RefusedSession, RpcEntry, SessionClose, SessionInfo, Subject } from './record-entry.js'
import { createRpcLog, type RpcLog } from './rpc-log.js'

/** Who did what on which device: each session and each RPC becomes a line. It never holds what an operation carried. */
export interface Recorder {
  /** Why no new session or call may begin: it could not be recorded. Undefined when one may. */
  readonly refusal: () => RecordRefusal | undefined
  /** Records that a session begins; from then on its octets are followed. */
  readonly session: (info: SessionInfo) => SessionRecording
  /** Records that a session was refused, for whatever reason. */
  readonly refused: (info: RefusedSession, reason: string) => void
  /** Records an RPC that nobody's octets tell of. */
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
  /** Tells by whom or what the session was ended; once. RPCs without a reply are aborted then. */
  readonly end: (endedBy: string) => void
}

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
export type SessionObserver = Pick<SessionRecord, 'fromClient' | 'fromDevice'> & { readonly end: () => void }

export interface RecorderOptions {
  readonly sink: RecordSink
  /** What happens to new sessions and calls while lines cannot be written; asked anew each time. */
  readonly whenFull: () => 'refuse' | 'continue'
  /** Told of each RPC, for metrics. */
  readonly onRpc?: (entry: RpcEntry) => void
  /** Asked for each session, whether somebody else follows it. */
  readonly observe?: (info: SessionInfo) => SessionObserver | undefined
  /** Told of a fault of the record's own; the session it happened in goes on, but is followed no further. */
  readonly onFault?: (error: unknown) => void
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
  readonly date?: () => Date
}

export function createRecorder({
  sink,
  whenFull,
  onRpc,
  observe,
  onFault,
  now = () => performance.now(),
  date = () => new Date(),
}: RecorderOptions): Recorder {
  const open = new Set<SessionRecord>()
  const time = (): string => date().toISOString()

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
  const rpc = (entry: RpcEntry): void => {
    sink.write({ time: time(), event: 'rpc', ...entry })
    onRpc?.(entry)
  }

  return {
    refusal,
    rpc,
    refused: (info, reason) => sink.write({ time: time(), event: 'session-refused', reason, ...info }),
    session: (info) => {
      const refused = refusal()
      if (refused !== undefined) return { ok: false, refusal: refused }
      const began = now()
      const subject = subjectOf(info)
      const rpcs = info.channel === 'netconf' ? createRpcLog((part) => rpc({ ...subject, ...part }), now) : undefined
      const observer = observe?.(info)
      let bytesFromClient = 0
      let bytesFromDevice = 0
      let followed = true
      const follow = (octets: Buffer, side: 'fromClient' | 'fromDevice'): void => {
        if (!followed) return
        try {
          rpcs?.[side](octets)
          observer?.[side](octets)
        } catch (error) {
          followed = false
          onFault?.(error)
        }
      }
      sink.write({ time: time(), event: 'session-opened', ...info })
      const record: SessionRecord = {
        fromClient: (octets) => {
          bytesFromClient += octets.length
          follow(octets, 'fromClient')
        },
        fromDevice: (octets) => {
          bytesFromDevice += octets.length
          follow(octets, 'fromDevice')
        },
        end: (endedBy) => {
          if (!open.delete(record)) return
          rpcs?.end()
          observer?.end()
          const close: SessionClose = {
            endedBy,
            bytesFromClient,
            bytesFromDevice,
            durationSeconds: Math.round(now() - began) / 1000,
            rpcs: rpcs?.count() ?? 0,
            ...whatWasFollowed(rpcs),
          }
          sink.write({ time: time(), event: 'session-closed', channel: info.channel, ...subject, ...close })
        },
      }
      open.add(record)
      return { ok: true, record }
    },
    close: () => {
      for (const record of open) record.end('shutdown')
    },
  }
}

function subjectOf({ user, source, via, deviceId, sessionId }: SessionInfo): Subject {
  return { user, source, via, deviceId, ...(sessionId === undefined ? {} : { sessionId }) }
}

function whatWasFollowed(rpcs: RpcLog | undefined): Pick<SessionClose, 'netconfSessionId' | 'unreadable'> {
  const netconfSessionId = rpcs?.netconfSessionId()
  const unreadable = rpcs?.unreadable() ?? []
  return {
    ...(netconfSessionId === undefined ? {} : { netconfSessionId }),
    ...(unreadable.length === 0 ? {} : { unreadable }),
  }
}
