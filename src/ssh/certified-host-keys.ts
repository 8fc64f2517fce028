import { LRUCache } from 'lru-cache'
import type { ParsedKey, ServerConfig } from 'ssh2'
import type { Certificate } from './certificate.js'
import { signCertificate, type SigningFailure } from './sign-certificate.js'
import { type HostKey, type KeyPairFailure, serverHostKeys } from './ssh2/keys.js'

/** Host keys with certificates for whatever names they are presented under. */
export interface CertifiedHostKeys {
  /**
   * The host keys of an ssh2 Server, certified for these names; the same array until it is time for new certificates.
   */
  readonly forNames: (names: readonly string[]) => ServerConfig['hostKeys']
}

export type CertifiedHostKeysMade =
  | { readonly ok: true; readonly certified: CertifiedHostKeys }
  | { readonly ok: false; readonly failure: SigningFailure | KeyPairFailure }

/** How many sets of names are remembered; one takes about 4 KB, and a new one two signatures. */
const MOST_REMEMBERED = 1_024

/** OpenSSH reads no more in one certificate (`SSHKEY_CERT_MAX_PRINCIPALS`). */
const MOST_PRINCIPALS = 256

/** Clocks differ: a certificate is valid from so many milliseconds before it was made. */
const TOLERATED_CLOCK_SKEW = 5 * 60_000

/**
 * A host CA that certifies the bridge's own host keys, on demand, for names that it is known by. Nothing is written
 * anywhere. A certificate is presented for half of its lifetime at most, so that whoever connects finds it valid for
 * the other half.
 * @param lifetime of a certificate, in milliseconds
 */
export function createCertifiedHostKeys(options: {
  readonly keys: readonly ParsedKey[]
  readonly ca: ParsedKey
  readonly lifetime: number
  /** Of these keys, from elsewhere: they go before those that are made here. */
  readonly certificates?: readonly Certificate[]
  readonly now?: () => number
}): CertifiedHostKeysMade {
  const { keys, ca, lifetime, certificates = [], now = Date.now } = options
  const remembered = new LRUCache<string, { readonly hostKeys: ServerConfig['hostKeys']; readonly renewAt: number }>({
    max: MOST_REMEMBERED,
  })

  const make = (names: readonly string[]) => {
    const hostKeys: HostKey[] = []
    for (const key of keys) {
      const own = certificates.filter((certificate) => certificate.key.blob.equals(key.getPublicSSH()))
      const [principal] = names
      if (principal === undefined) {
        hostKeys.push({ key, certificates: own })
        continue
      }
      const signed = signCertificate(ca, {
        role: 'host',
        key: key.getPublicSSH(),
        keyId: `homeport ${principal}`,
        principals: names,
        validity: { from: new Date(now() - TOLERATED_CLOCK_SKEW), to: new Date(now() + lifetime) },
      })
      if (!signed.ok) return signed
      // ssh2 presents the first certificate of a type.
      hostKeys.push({ key, certificates: [...own, signed.certificate] })
    }
    return serverHostKeys(hostKeys)
  }

  const forNames: CertifiedHostKeys['forNames'] = (names) => {
    const principals = [...new Set(names.map((name) => name.toLowerCase()))].filter(isPlainPrincipal)
    const at = JSON.stringify(principals)
    const known = remembered.get(at)
    if (known !== undefined && known.renewAt > now()) return known.hostKeys
    const made = make(principals.slice(0, MOST_PRINCIPALS))
    // That the CA can sign was tried when it was loaded.
    if (!made.ok) throw new Error(made.failure.message)
    remembered.set(at, { hostKeys: made.hostKeys, renewAt: now() + lifetime / 2 })
    return made.hostKeys
  }

  const tried = make(['homeport'])
  return tried.ok ? { ok: true, certified: { forNames } } : tried
}

/**
 * OpenSSH takes `*` and `?` in a host certificate for patterns; a device id with one of them must not speak for others.
 */
function isPlainPrincipal(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= 255 && !/[*?!,\p{C}\p{Z}]/u.test(name)
}
