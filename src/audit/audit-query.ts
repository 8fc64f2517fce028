/** Which lines of the record are wanted: those that fit all that is given. */
export interface RecordQuery {
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
  readonly after?: RecordPosition
}

/** A place between two lines of the record. */
export interface RecordPosition {
  readonly time: number
  readonly row: number
}

/** Searches the record. Rejects when that cannot be done at the moment. */
export type FindRecords = (query: RecordQuery) => Promise<{
  /** The newest first, each the JSON of a `RecordEntry`. */
  readonly lines: readonly string[]
  /** Where they ended; absent when there are no more. */
  readonly next?: RecordPosition
}>
