import type { PublicKeyAuthContext } from 'ssh2'
import { authorizedKeysLike } from '../../access/authn/authorized-key.js'
import type { User } from '../../access/authn/user.js'
import { type AuthorizedKeyOptions, fromAllows } from '../../ssh/authorized-keys.js'
import type { Certificate } from '../../ssh/certificate.js'
import { isNetconfCommand } from '../../ssh/netconf-command.js'
import { fingerprintOf } from '../../ssh/public-key.js'
import { revokedPart, revokedPartOf, type Revocations } from '../../ssh/revocation.js'
import { judgeUserCertificate, type UserCertificateRefusalReason } from '../../ssh/user-certificate.js'
import { offeredCertificate } from '../../ssh/verify-signature.js'
import type { LoginRestriction } from './login-restriction.js'

/** Which certificates users may log in with, and what of keys and certificates is revoked. */
export interface UserCertificateTrust {
  /** Public key blobs of the user CAs. */
  readonly trustedCas: readonly Buffer[]
  readonly revocations: Revocations
}

/** Why a key does not let somebody in. The words are stable: they stand in logs. */
export type KeyRefusalReason =
  | UserCertificateRefusalReason
  | 'unknown-key'
  | 'revoked-key'
  | 'expired-key'
  | 'malformed-certificate'

export type KeyVerdict =
  | {
      readonly accepted: true
      /** For the log: what was presented. */
      readonly key: string
      readonly restriction: LoginRestriction
      /** When the key or certificate ceases to count. */
      readonly until?: Date
    }
  | { readonly accepted: false; readonly reason: KeyRefusalReason; readonly message: string }

export interface KeyCircumstances {
  readonly trust: UserCertificateTrust
  /** As a socket tells it. */
  readonly remoteAddress: string
  readonly now: Date
}

type OfferedKey = PublicKeyAuthContext['key']

/**
 * Whether a key or certificate lets this user in. Whether the client holds it, its signature tells. A user who does not
 * exist has none.
 */
export function judgeUserKey(key: OfferedKey, user: User | undefined, circumstances: KeyCircumstances): KeyVerdict {
  const offered = offeredCertificate(key)
  if (offered === undefined) return judgePlainKey(key, user, circumstances)
  if (!offered.ok) return refuse('malformed-certificate', `the certificate is refused: ${offered.failure.message}`)
  return judgeCertificate(offered.certificate, user, circumstances)
}

function judgePlainKey(
  { algo, data }: OfferedKey,
  user: User | undefined,
  { trust, ...where }: KeyCircumstances,
): KeyVerdict {
  const shown = `${algo} ${fingerprintOf(data)}`
  const lines = authorizedKeysLike(user, { type: algo, blob: data }).filter(({ options }) => !options?.certAuthority)
  if (lines.length === 0) return refuse('unknown-key', `${shown} is not an authorized key of the user`)
  if (revokedPart(trust.revocations, data) !== undefined) return refuse('revoked-key', `${shown} is revoked`)
  return firstAccepted(lines.map(({ options }) => judgeOptions(options, shown, where)))
}

/** By a CA for all users, or else by one that a line of the user's makes one for this user. */
function judgeCertificate(
  certificate: Certificate,
  user: User | undefined,
  circumstances: KeyCircumstances,
): KeyVerdict {
  const { trust, ...where } = circumstances
  const { keyId, serial, ca } = certificate
  const shown = `${certificate.type} ${JSON.stringify(keyId)} serial ${serial} by ${ca.type} ${fingerprintOf(ca.blob)}`
  const judge = (trustedCas: readonly Buffer[], principals: readonly string[]): KeyVerdict => {
    const verdict = judgeUserCertificate(certificate, {
      trustedCas,
      principals,
      now: where.now,
      remoteAddress: where.remoteAddress,
      runs: isNetconfCommand,
      revocation: (judged) => revokedPartOf(trust.revocations, judged),
    })
    if (!verdict.accepted)
      return refuse(verdict.reason, `the certificate is refused (${verdict.reason}): ${verdict.message}`)
    const restriction = {
      netconfOnly: verdict.forcedCommand !== undefined,
      noTerminal: !certificate.extensions.has('permit-pty'),
      noForwarding: !certificate.extensions.has('permit-port-forwarding'),
    }
    return { accepted: true, key: shown, restriction, ...endOf(certificate) }
  }

  // A user who does not exist has no principals, and is refused like one whose principals are others.
  const principals = user?.principals ?? []
  const byAll = judge(trust.trustedCas, principals)
  const lines = authorizedKeysLike(user, ca).filter(({ options }) => options?.certAuthority)
  if (byAll.accepted || lines.length === 0) return byAll
  return firstAccepted(
    lines.map(({ options }) => {
      const byLine = judgeOptions(options, shown, where)
      const byCa = judge([ca.blob], options?.principals ?? principals)
      return byLine.accepted && byCa.accepted ? bothOf(byLine, byCa) : byLine.accepted ? byCa : byLine
    }),
  )
}

/**
 * What the options of a line say of who uses its key. Host names are not looked up, so patterns are compared with the
 * address alone.
 */
function judgeOptions(
  options: AuthorizedKeyOptions | undefined,
  shown: string,
  { remoteAddress, now }: Omit<KeyCircumstances, 'trust'>,
): KeyVerdict {
  const { from, expires, command, noTerminal = false, noForwarding = false } = options ?? {}
  if (from !== undefined && !fromAllows(from, remoteAddress))
    return refuse('wrong-source-address', `${shown} is for use from ${from.join(',')} only`)
  if (expires !== undefined && expires <= now)
    return refuse('expired-key', `${shown} was good until ${expires.toISOString()}`)
  if (command !== undefined && !isNetconfCommand(command))
    return refuse(
      'forced-command',
      `${shown} is for the command ${JSON.stringify(command)} only, which is not run here`,
    )
  const restriction = { netconfOnly: command !== undefined, noTerminal, noForwarding }
  return { accepted: true, key: shown, restriction, ...(expires === undefined ? {} : { until: expires }) }
}

/** The latest time that a `Date` holds, in milliseconds since 1970. */
const LATEST_DATE = 8.64e15

/** When a certificate ceases to count, if ever. */
function endOf({ validBefore }: Certificate): { readonly until?: Date } {
  const milliseconds = Number(validBefore) * 1000
  return milliseconds > LATEST_DATE ? {} : { until: new Date(milliseconds) }
}

type Accepted = Extract<KeyVerdict, { accepted: true }>

function bothOf(one: Accepted, other: Accepted): Accepted {
  const [a, b] = [one.restriction, other.restriction]
  const [first] = [one.until, other.until]
    .filter((each) => each !== undefined)
    .toSorted((x, y) => x.getTime() - y.getTime())
  return {
    ...one,
    ...(first === undefined ? {} : { until: first }),
    restriction: {
      netconfOnly: a.netconfOnly || b.netconfOnly,
      noTerminal: a.noTerminal || b.noTerminal,
      noForwarding: a.noForwarding || b.noForwarding,
    },
  }
}

/** A key may stand on several lines: the first that lets it in counts, else the first that does not. */
function firstAccepted(verdicts: readonly KeyVerdict[]): KeyVerdict {
  return (
    verdicts.find(({ accepted }) => accepted) ??
    verdicts[0] ??
    refuse('unknown-key', 'it is not an authorized key of the user')
  )
}

function refuse(reason: KeyRefusalReason, message: string): KeyVerdict {
  return { accepted: false, reason, message }
}
