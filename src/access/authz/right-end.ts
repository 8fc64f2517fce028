import type { Refusal } from '../../lib/refusal.js'
import type { TokenFault } from '../authn/api-token.js'

/** Why a right that somebody had is gone; the words stand in logs, answers and streams. */
export type RightEnd = Refusal<RightEndReason>

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
