/** Whom a session on a device is opened for. */
export interface SessionClient {
  readonly user: string
  /** `address:port` that the client dialled from; the Unix socket is `local`. */
  readonly source: string
  readonly via: 'ssh' | 'http'
  /** The node of the cluster that the client dialled; absent where it is this one. */
  readonly node?: string
}
