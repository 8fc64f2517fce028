/** Why a right that somebody had is gone. The words of `reason` are stable: they stand in logs, answers and streams. */
export interface RightEnd {
  readonly reason: RightEndReason
  readonly message: string
  readonly hint: string
}

export type RightEndReason =
  | 'revoked-token'
  | 'expired-token'
  | 'user-removed'
  | 'login-withdrawn'
  | 'no-rights'
  | 'rules-changed'

export function userRemoved(user: string): RightEnd {
  return {
    reason: 'user-removed',
    message: `the user ${JSON.stringify(user)} was removed`,
    hint: 'ask whoever runs the bridge',
  }
}
