/** Which lines of the audit log are wanted: those that fit all that is given. */
export interface AuditQuery {
  /** In upper or lower case. */
  readonly deviceId?: string
  readonly user?: string
  readonly sessionId?: string
  readonly event?: string
  readonly operation?: string
  readonly outcome?: string
  /** Not before this, and before that; milliseconds since 1970. */
  readonly since?: number
  readonly until?: number
  readonly limit: number
  /** Where an earlier answer ended. */
  readonly after?: AuditPosition
}

/** A place between two lines of the audit log. */
export interface AuditPosition {
  readonly time: number
  readonly row: number
}

/** Searches the audit log. Rejects when that cannot be done at the moment. */
export type FindAuditEvents = (query: AuditQuery) => Promise<{
  /** The newest first, each the JSON of a `AuditEvent`. */
  readonly lines: readonly string[]
  /** Where they ended; absent when there are no more. */
  readonly next?: AuditPosition
}>
