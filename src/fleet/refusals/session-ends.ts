import { asFound, type ReasonOf, type RefusalEntries, refusalsBy } from '../../lib/refusal.js'

/**
 * Why a right that somebody had is gone, and with it what lives by it: a session, a stream, a connection, a waiting
 * job.
 */
export const RIGHT_ENDS = {
  'user-removed': {
    told: 'peer',
    text: (user: string) => ({
      message: `the user ${JSON.stringify(user)} was removed`,
      hint: 'ask whoever runs the bridge',
    }),
  },
  'login-withdrawn': { told: 'peer', text: (message: string) => ({ message, hint: 'log in anew' }) },
  'expired-token': { told: 'peer', text: { message: 'the token has expired', hint: 'get a new one' } },
  'revoked-token': {
    told: 'peer',
    text: { message: 'the token was revoked', hint: 'ask whoever runs the bridge for a new one' },
  },
  'classical-key-exchange': {
    told: 'peer',
    text: (agreed: string) => ({
      message: `post-quantum key exchange is wanted by now, and that of this connection was ${agreed}`,
      hint: 'connect anew with mlkem768x25519-sha256 or sntrup761x25519-sha512, as OpenSSH 9 and later do',
    }),
  },
  'no-rights': { told: 'peer', text: asFound },
  'account-changed': {
    told: 'peer',
    text: (user: string, account: string) => ({
      message:
        `the roles of user ${JSON.stringify(user)} put its sessions on the account ${JSON.stringify(account)} of the ` +
        'device now',
      hint: 'open a new session, which is on it',
    }),
  },
  'rules-changed': {
    told: 'peer',
    text: (user: string) => ({
      message: `there are rules now on the operations of user ${JSON.stringify(user)}`,
      hint: 'open a new session, which is under them',
    }),
  },
} as const satisfies RefusalEntries

/** Why a session under rules on operations is ended: what comes on it can be followed no longer. */
export const VIOLATIONS = {
  'malformed-request': {
    told: 'peer',
    text: (message: string) => ({
      message,
      hint: 'send one <rpc> in well-formed UTF-8 XML a message; nothing after this can be trusted',
    }),
  },
  'request-too-big': { told: 'peer', text: asFound },
  'too-much-held': {
    told: 'peer',
    text: {
      message: 'the requests of all sessions under rules hold as much as they may',
      hint: 'try again later, or raise endpoint.ssh.max-inspected-total',
    },
  },
  'bad-hello': {
    told: 'peer',
    text: (message: string, hint = 'begin with a <hello> that holds <capabilities> (RFC 6241 §8.1)') => ({
      message,
      hint,
    }),
  },
  'device-framing': {
    told: 'peer',
    text: (cause: string) => ({
      message: `the device cannot be followed, as rules on operations need it: ${cause}`,
      hint: 'look at the NETCONF of the device; who has operations: ["*"] gets its octets as they are',
    }),
  },
  'internal-error': {
    told: 'peer',
    text: (error: unknown) => ({
      message: `the request could not be judged: ${String(error)}`,
      hint: 'this is a fault of the bridge, and nothing was let through; please report it',
    }),
  },
} as const satisfies RefusalEntries

export type ViolationReason = ReasonOf<typeof VIOLATIONS>

export const rightEnd = refusalsBy(RIGHT_ENDS)

export const tokenEnd = (isExpired: boolean) => rightEnd(isExpired ? 'expired-token' : 'revoked-token')

export const violation = refusalsBy(VIOLATIONS)
