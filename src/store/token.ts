/** A token that the HTTP API takes. What the bearer shows is not in it, only a hash of its secret part. */
export interface StoredToken {
  /** The part of the token that names it. */
  readonly id: string
  /** Whose rights it gives. */
  readonly user: string
  /** SHA-256 of the secret part. */
  readonly hash: Buffer
  /** What it leaves of the user's scopes; absent for all. */
  readonly scopes?: readonly ('read' | 'rpc' | 'admin')[]
  /** Selectors of the devices that it leaves of the user's; absent for all. */
  readonly devices?: readonly string[]
  readonly description?: string
  readonly createdAt: Date
  readonly createdBy: string
  /** Absent for one that is good until it is revoked. */
  readonly expiresAt?: Date
  readonly revocation?: { readonly at: Date; readonly by: string }
  /** When it was used last, give or take a minute. */
  readonly lastUsedAt?: Date
}
