/** Which session an operation runs on, where the caller has opened none. */
export type SessionPolicy =
  /**
   * A warm one, shared with others. A repeatable operation has no effect, so it is sent again when its session dies.
   */
  | { readonly on: 'warm-session'; readonly repeatable: boolean }
  /** One that is opened for it and closed behind it. */
  | { readonly on: 'own-session' }
  /** None: what it does would be undone at once by the end of its session. */
  | { readonly on: 'explicit-session'; readonly why: string; readonly hint: string }

/** For operations that only read, as their specifications say. */
export const warmSession: SessionPolicy = { on: 'warm-session', repeatable: true }

/** For operations that may have an effect. */
export const ownSession: SessionPolicy = { on: 'own-session' }

/** For operations that only make sense on a session that goes on behind them. */
export function explicitSession(why: string, hint: string): SessionPolicy {
  return { on: 'explicit-session', why, hint }
}

/** For locks of any kind. */
export const lockSession = explicitSession(
  'a lock ends with its session, and this call would be one of its own',
  'open a session (POST …/sessions) and send it there, or let POST …/transaction do all the steps',
)
