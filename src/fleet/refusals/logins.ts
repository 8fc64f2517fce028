import { type ReasonOf, type RefusalEntries, type RefusalEntry, refusalsBy } from '../../lib/refusal.js'

/** Whoever has not been authenticated is told no more than that it failed; the log has the message. */
const asFound = { told: 'nobody', text: (message: string) => ({ message }) } as const satisfies RefusalEntry

/** Why an attempt to log in failed, over SSH or HTTP. */
export const LOGIN_REFUSALS = {
  // Of a password.
  'wrong-password': asFound,
  blocked: asFound,
  busy: asFound,
  'hook-refused': asFound,
  'hook-unavailable': asFound,
  'hook-no-roles': asFound,
  'hook-unknown-role': asFound,
  'password-change': {
    told: 'nobody',
    text: { message: 'the client asks for a new password, and passwords are not changed here' },
  },
  'wrong-responses': { told: 'nobody', text: { message: 'one answer was asked for' } },
  aborted: { told: 'nobody', text: { message: 'the client began another attempt' } },

  // Of a key.
  'unknown-key': asFound,
  'revoked-key': asFound,
  'expired-key': asFound,
  'refused-algorithm': {
    told: 'nobody',
    text: (name: string) => ({
      message: `a key is not taken by ${name}${name === 'ssh-rsa' ? ', which means SHA-1' : ''}`,
    }),
  },
  'bad-signature': { told: 'nobody', text: { message: 'the signature does not fit the key' } },

  // Of a key or a certificate.
  'wrong-source-address': asFound,
  'forced-command': asFound,

  // Of a certificate.
  'malformed-certificate': asFound,
  'untrusted-ca': asFound,
  'weak-ca-signature': asFound,
  'bad-ca-signature': asFound,
  'wrong-role': asFound,
  revoked: asFound,
  'not-yet-valid': asFound,
  expired: asFound,
  'unknown-critical-option': asFound,
  'no-principals': asFound,
  'wrong-principal': asFound,
  'malformed-option': asFound,

  // Of a token.
  'invalid-token': asFound,
  'expired-token': asFound,
  'revoked-token': asFound,

  // Of anything.
  'malformed-login': asFound,
  'not-on-this-port': { told: 'nobody', text: { message: 'endpoint.ssh.legacy is not for this user' } },
  'unknown-method': { told: 'nobody', text: { message: 'the method is not served here' } },
} as const satisfies RefusalEntries

export type LoginRefusalReason = ReasonOf<typeof LOGIN_REFUSALS>

export const loginRefusal = refusalsBy(LOGIN_REFUSALS)
