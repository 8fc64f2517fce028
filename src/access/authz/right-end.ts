import type { Refusal } from '../../lib/refusal.js'
import type { TokenFault } from '../authn/api-token.js'

/** Why a right that somebody had is gone; the words stand in logs, answers and streams. */
export type RightEnd = Refusal<RightEndReason>

export type RightEndReason =
  | Exclude<TokenFault, 'invalid-token'>
  /** The user was removed. */
  | 'user-removed'
  /** The key, the certificate, the issuer or the hook that proved the login is not trusted any more. */
  | 'login-withdrawn'
  /** The keys of the connection over SSH were exchanged in a way that is not enough any more. */
  | 'classical-key-exchange'
  /** No role of the user gives the right any more. */
  | 'no-rights'
  /** The roles of the user put its sessions on another account of the device now. */
  | 'account-changed'
  /** Rules on operations now apply to a user to whom none applied when the session began. */
  | 'rules-changed'
