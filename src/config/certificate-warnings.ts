import type { CertificateUse, FoundCertificates, NamedCertificate } from './certificates.js'
import type { ConfigError } from './config-error.js'

const DAY = 86_400_000

/** Milliseconds before its end from which a certificate is warned of. */
export const CERTIFICATE_WARNED_BEFORE = 14 * DAY

export type CertificateStanding = 'valid' | 'expires-soon' | 'expired' | 'not-yet-valid'

/** How a certificate stands at a moment: what is `expires-soon` has fourteen days left at most. */
export function standingOf(
  { validFrom, validUntil }: Pick<NamedCertificate, 'validFrom' | 'validUntil'>,
  now: Date,
): CertificateStanding {
  if (validFrom !== undefined && now < validFrom) return 'not-yet-valid'
  if (validUntil === undefined) return 'valid'
  const left = validUntil.getTime() - now.getTime()
  if (left <= 0) return 'expired'
  return left <= CERTIFICATE_WARNED_BEFORE ? 'expires-soon' : 'valid'
}

/** What is to be said of certificates that have expired, will soon, or are not valid yet, and of files without any. */
export function certificateWarnings({ certificates, useless }: FoundCertificates, now: Date): readonly ConfigError[] {
  return [
    ...useless.map(({ path, message, hint }) => ({ path, message, hint })),
    ...withoutThoseReplaced(certificates, now).flatMap((certificate): readonly ConfigError[] => {
      const { path, name, use } = certificate
      const told = inWords(certificate, now)
      if (told === undefined) return []
      const hint = standingOf(certificate, now) === 'not-yet-valid' ? CLOCKS : HINTS[use]
      return [{ path, message: `the certificate ${name} ${told}`, hint }]
    }),
  ]
}

/** Seconds until the first certificate of each use expires, negative once it has; of those that never do nothing. */
export function secondsUntilExpiry(
  { certificates }: Pick<FoundCertificates, 'certificates'>,
  now: Date,
): Readonly<Partial<Record<CertificateUse, number>>> {
  const seconds: Partial<Record<CertificateUse, number>> = {}
  for (const { use, validUntil } of withoutThoseReplaced(certificates, now))
    if (validUntil !== undefined)
      seconds[use] = Math.min(seconds[use] ?? Number.POSITIVE_INFINITY, (validUntil.getTime() - now.getTime()) / 1000)
  return seconds
}

/**
 * Without the CAs that have expired in a file that has others: an old one beside its successor, or one of a system's
 * hundred, is in nobody's way.
 */
function withoutThoseReplaced(certificates: readonly NamedCertificate[], now: Date): readonly NamedCertificate[] {
  const isCa = ({ use }: NamedCertificate): boolean => use === 'client-ca' || use === 'hook-ca'
  const filesWithOthers = new Set(
    certificates.filter((one) => isCa(one) && standingOf(one, now) !== 'expired').map(({ file }) => file),
  )
  return certificates.filter(
    (one) => !isCa(one) || standingOf(one, now) !== 'expired' || !filesWithOthers.has(one.file),
  )
}

/** What is wrong with the validity of a certificate, as the end of a sentence; undefined where nothing is. */
export function inWords(
  certificate: Pick<NamedCertificate, 'validFrom' | 'validUntil'>,
  now: Date,
): string | undefined {
  const { validFrom, validUntil } = certificate
  const standing = standingOf(certificate, now)
  if (standing === 'not-yet-valid' && validFrom !== undefined)
    return `is not valid yet: it is from ${validFrom.toISOString()} on, in ${span(validFrom, now)}`
  if (standing === 'expired' && validUntil !== undefined)
    return `has expired: it was valid until ${validUntil.toISOString()}, ${span(now, validUntil)} ago`
  if (standing === 'expires-soon' && validUntil !== undefined)
    return `expires in ${span(validUntil, now)}, at ${validUntil.toISOString()}`
  return undefined
}

function span(later: Date, earlier: Date): string {
  const milliseconds = later.getTime() - earlier.getTime()
  const [size, one, many] = SPANS.find(([least]) => milliseconds >= 2 * least) ?? SHORTEST
  const count = Math.max(1, Math.floor(milliseconds / size))
  return `${count} ${count === 1 ? one : many}`
}

const SPANS = [
  [DAY, 'day', 'days'],
  [3_600_000, 'hour', 'hours'],
  [60_000, 'minute', 'minutes'],
] as const
const SHORTEST = [1000, 'second', 'seconds'] as const

const CLOCKS = 'compare the clocks of the CA and of this machine'

const HINTS: Readonly<Record<CertificateUse, string>> = {
  login:
    'devices refuse the bridge once it has expired: sign the key again, as with `homeport ca sign-user`; ' +
    'the new file is read at the next login',
  host: 'sign the host key again, as with `homeport ca sign-host`; the new file is read at the next start',
  http: 'renew it; the new file is taken without a restart',
  'client-ca': 'clients with a certificate of this CA are refused then: add its successor to the file',
  'hook-ca': 'passwords are not looked up any more then: put its successor into the file and reload',
}
