import type { ChannelKind } from '../access/authz/role.js'

/** Who did it, from where, on which device: part of every line of the audit log. */
export interface Subject {
  readonly user: string
  /** `address:port` that the client dialled from, `local` on the Unix socket. */
  readonly source: string
  readonly via: 'ssh' | 'http'
  readonly deviceId: string
  /** The bridge's own name of the session; absent for a call that belongs to none. */
  readonly sessionId?: string | undefined
}

/** A session that a client has begun, or wanted to. */
export interface SessionInfo extends Subject {
  /** `tcp` for a connection to a port of the device's own. */
  readonly channel: Exclude<ChannelKind, 'ssh'> | 'tcp'
  /** What was asked for: a subsystem, `shell`, the first word of a command, a port. */
  readonly request: string
  /** The whole command, which the audit log takes the secrets out of. */
  readonly command?: string | undefined
  /** The roles that allow it. */
  readonly roles: readonly string[]
  /** How the client proved to be the user: `password`, `publickey`, … */
  readonly method?: string | undefined
}

/** A session that somebody was refused, as far as it was known what was wanted. */
export type RefusedSession = Subject & Partial<Omit<SessionInfo, keyof Subject>>

/**
 * What came of an RPC: `ok`, the `error-tag` of its reply, `aborted` where the session ended before the reply, or
 * `unknown` where the reply could not be made out.
 */
export type RpcOutcome = string

/** One RPC, whichever way it came. Sizes are bytes without framing. */
export interface RpcEntry extends Subject {
  readonly messageId?: string | undefined
  /** Local name of the operation element; `unreadable` for a message that is no `<rpc>`. */
  readonly operation: string
  readonly namespace: string
  readonly datastore?: string | undefined
  /** Whether the request held further operations, which no client should send. */
  readonly moreOperations?: true | undefined
  readonly bytesFromClient: number
  readonly bytesFromDevice: number
  /** From the end of the request to the end of the reply. */
  readonly durationSeconds: number
  readonly outcome: RpcOutcome
}

/**
 * UTF-16 units of a text of a caller's or a device's that are written down; no name of an operation is near so long.
 */
const MAX_TEXT = 256

/**
 * The same RPC with its texts cut off where they are longer than anybody wants to read: they are as long as a request
 * may be.
 */
export function boundedRpc(entry: RpcEntry): RpcEntry {
  const { messageId, operation, namespace, datastore, outcome } = entry
  if (Math.max(...[messageId, operation, namespace, datastore, outcome].map((text) => text?.length ?? 0)) <= MAX_TEXT)
    return entry
  const cut = (text: string): string => text.slice(0, MAX_TEXT)
  return {
    ...entry,
    ...(messageId === undefined ? {} : { messageId: cut(messageId) }),
    operation: cut(operation),
    namespace: cut(namespace),
    ...(datastore === undefined ? {} : { datastore: cut(datastore) }),
    outcome: cut(outcome),
  }
}

/**
 * Reads of one user that have no line of their own: how many, of which kind. What they do not have in common is not in
 * it.
 */
export interface ReadSum extends Partial<Omit<Subject, 'user'>> {
  readonly user: string
  readonly operation: string
  readonly namespace?: string | undefined
  readonly datastore?: string | undefined
  readonly outcome: RpcOutcome
  readonly rpcs: number
  /** Of all of them together. */
  readonly bytesFromClient: number
  readonly bytesFromDevice: number
}

/** How a session ended, and what it carried; bytes with framing. */
export interface SessionClose {
  readonly endedBy: string
  readonly bytesFromClient: number
  readonly bytesFromDevice: number
  readonly durationSeconds: number
  /** RPCs that have a line of their own, or are counted in a sum. */
  readonly rpcs: number
  /** What the device itself calls the NETCONF session. */
  readonly netconfSessionId?: number | undefined
  /** The sides whose framing broke, so that RPCs after it have no line. */
  readonly unreadable?: readonly ('client' | 'device')[] | undefined
}

/** A device whose HMAC had another host key take the place of those that it was bound to. */
export interface ReplacedKey {
  readonly deviceId: string
  /** `address:port` that the device dialled from. */
  readonly source: string
  readonly fingerprint: string
  /** The fingerprints of the keys that do not count any more. */
  readonly replaced: readonly string[]
}

/** A line of the audit log; `time` is ISO 8601 in UTC. What is undefined is not in it. */
export type AuditEvent = { readonly time: string } & (
  | ({ readonly event: 'session-opened' } & SessionInfo)
  | ({ readonly event: 'session-refused'; readonly reason: string } & RefusedSession)
  | ({ readonly event: 'rpc' } & RpcEntry)
  | ({ readonly event: 'rpcs-summed'; readonly since: string } & ReadSum)
  | ({ readonly event: 'key-replaced' } & ReplacedKey)
  | ({ readonly event: 'session-closed'; readonly channel: SessionInfo['channel'] } & Subject &
      SessionClose & {
        /** The port, of a connection to one. */
        readonly request?: string
      })
)
