import type { TokenFault } from '../authn/api-token.js'

/** Why a right that somebody had is gone. The words of `reason` are stable: they stand in logs, answers and streams. */
export interface RightEnd {
  readonly reason: RightEndReason
  readonly message: string
  readonly hint: string
}

export type RightEndReason =
  | Exclude<TokenFault, 'invalid-token'>
  /** There is no such user any more. */
  | 'user-removed'
  /** What the login was proven by does not count any more: a key, a certificate, the issuer, the hook. */
  | 'login-withdrawn'
  /** No role gives it any more. */
  | 'no-rights'
  /** Rules on operations came where there were none. */
  | 'rules-changed'

export function userRemoved(user: string): RightEnd {
  return {
    reason: 'user-removed',
    message: `the user ${JSON.stringify(user)} was removed`,
    hint: 'ask whoever runs the bridge',
  }
}

export function tokenEnded(fault: TokenFault): RightEnd {
  if (fault === 'expired-token') return { reason: fault, message: 'the token has expired', hint: 'get a new one' }
  return {
    reason: 'revoked-token',
    message: 'the token was revoked',
    hint: 'ask whoever runs the bridge for a new one',
  }
}

export function loginWithdrawn(message: string): RightEnd {
  return { reason: 'login-withdrawn', message, hint: 'log in anew' }
}

/** Why somebody gets no session on a device, where there was one before. */
export function rightsLost({ message, hint }: Pick<RightEnd, 'message' | 'hint'>): RightEnd {
  return { reason: 'no-rights', message, hint }
}

export function rulesChanged(user: string): RightEnd {
  return {
    reason: 'rules-changed',
    message: `there are rules now on the operations of user ${JSON.stringify(user)}`,
    hint: 'open a new session, which is under them',
  }
}
