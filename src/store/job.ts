/** A call of the HTTP API that waits for its device, or waited for it. Its body may hold secrets, as a device's configuration does. */
export interface StoredJob {
  readonly id: string
  readonly deviceId: string
  /** Whose rights it runs with, and what of them. */
  readonly owner: {
    /** Who vouches for the name. */
    readonly realm: 'operator' | 'local' | 'hook' | `issuer ${string}`
    readonly name: string
    readonly scopes?: readonly ('read' | 'rpc' | 'admin')[]
    readonly devices?: readonly string[]
    readonly token?: string
    readonly roles?: readonly string[]
    readonly until?: number
  }
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly request: {
    readonly path: string
    readonly contentType: string
    readonly accept: string
    readonly body: string
  }
  readonly state: 'queued' | 'running' | 'done' | 'expired' | 'cancelled' | 'interrupted'
  readonly startedAt?: Date
  readonly finishedAt?: Date
  readonly answer?: { readonly status: number; readonly contentType: string; readonly body: string }
}
