/** Searches the audit log, the newest lines first. Rejects when that cannot be done at the moment. */
export type FindAuditEvents = (query: AuditQuery) => Promise<AuditPage>

/** Which lines of the audit log are wanted: those that fit all that is given. */
export interface AuditQuery {
  /** In upper or lower case. */
  readonly deviceId?: string
  readonly user?: string
  readonly sessionId?: string
  /** One of the events of `AuditEvent`, such as `session-opened` or `rpc`. */
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

export interface AuditPage {
  /** The lines as they were written, each the JSON of an `AuditEvent`. */
  readonly lines: readonly string[]
  /** Where the page ended; absent when there is nothing after it. */
  readonly next?: AuditPosition
}

/** A place between two lines of the audit log. */
export interface AuditPosition {
  readonly time: number
  readonly row: number
}
