/** Bounds on RPCs over HTTP; times in milliseconds, sizes in bytes. A reload changes them for what comes. */
export interface CallLimits {
  /**
   * Until the device begins to answer, and then between two parts of its answer; for calls that give none of their own.
   */
  readonly rpcTimeout: number
  readonly maxRpcTimeout: number
  readonly maxRequestSize: number
  /** XML elements of a request: what is held of each takes a hundred times the bytes that it is sent in. */
  readonly maxRequestElements: number
  /** Characters of a request's selectors that have `*` or `?` in them: each is held against every device. */
  readonly maxSelectorPatterns: number
  /** Of a request that is to become a job: it is held, and written to disk, until its device is there. */
  readonly maxJobRequestSize: number
  /** Of the bodies of all requests that are under way. */
  readonly maxRequestTotal: number
  /** A reply is held whole to become JSON; as XML it is handed on as it comes, of any size. */
  readonly maxJsonReplySize: number
  /** Large requests that wait to be read, and how long the reading, or the making of JSON, of one may take. */
  readonly maxConversions: number
  readonly conversionTimeout: number
  /**
   * Bytes of heap that the thread has which reads and makes large XML and JSON; what needs more ends the thread, and
   * not the bridge.
   */
  readonly conversionMemory: number
  /** Calls under way in all, and on one device. */
  readonly maxCalls: number
  /** Of one user; nine tenths of all for one alone, where not given. */
  readonly maxCallsPerUser?: number
  readonly maxCallsPerDevice: number
  /** Warm sessions that a device has for each set of roles. */
  readonly warmSessions: number
  /** Requests that a warm session has under way at once. */
  readonly warmSessionPipeline: number
  readonly warmSessionIdle: number
  readonly maxWarmSessions: number
  /** Of sessions that clients open and close themselves. */
  readonly sessionIdle: number
  readonly sessionLifetime: number
  readonly maxSessions: number
  readonly maxSessionsPerUser: number
  /** How long, and how many, answers are kept for their `Idempotency-Key`. */
  readonly idempotencyWindow: number
  readonly maxIdempotencyKeys: number
  readonly maxIdempotencyKeysPerUser: number
  /** Bytes. */
  readonly maxKeptAnswersPerUser: number
  /** How long a call may wait for its device (`?wait=`). */
  readonly maxWait: number
  /** Event streams at a time, and events that wait for a slow reader of one. */
  readonly maxStreams: number
  readonly maxStreamsPerUser?: number
  readonly maxStreamBacklog: number
}
