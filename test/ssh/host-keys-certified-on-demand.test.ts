import ssh2, { type ParsedKey, type ServerConfig } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { parseCertificate } from '../../src/ssh/certificate.js'
import { createCertifiedHostKeys } from '../../src/ssh/certified-host-keys.js'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { judgeCertificate } from '../../src/ssh/judge-certificate.js'
import { parsePrivateKey } from '../../src/ssh/private-key.js'
import { publicKeyLine } from '../../src/ssh/public-key.js'

const hour = 3_600_000
const key = (type: 'ed25519' | 'ecdsa'): ParsedKey => {
  const parsed = parsePrivateKey(generatePrivateKey(type, 'test'))
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.key
}

function certifier(clock: { now: number }, keys = [key('ed25519'), key('ecdsa')]) {
  const ca = key('ed25519')
  const made = createCertifiedHostKeys({
    keys,
    ca,
    lifetime: 24 * hour,
    now: () => clock.now,
  })
  if (!made.ok) throw new Error(made.failure.message)
  const { certified } = made
  return { ca, forNames: (names: readonly string[]) => certified.forNames(names) }
}

function certificatesIn(hostKeys: ServerConfig['hostKeys']) {
  return hostKeys.flatMap((entry) => {
    const { key: held } = entry as unknown as { readonly key: ParsedKey }
    const parsed = parseCertificate(held.getPublicSSH())
    return parsed.ok ? [parsed.certificate] : []
  })
}

describe('host keys that are certified on demand', () => {
  it('are both certified, for the names in lower case, by the CA, for a day', () => {
    const clock = { now: Date.parse('2026-03-01T12:00:00Z') }
    const { ca, forNames } = certifier(clock)
    const certificates = certificatesIn(forNames(['Router1', 'router1', '10.99.0.1']))
    expect(certificates.map(({ type }) => type)).toEqual([
      'ssh-ed25519-cert-v01@openssh.com',
      'ecdsa-sha2-nistp256-cert-v01@openssh.com',
    ])
    for (const certificate of certificates) {
      expect(certificate).toMatchObject({ role: 'host', principals: ['router1', '10.99.0.1'] })
      const judge = (at: number) =>
        judgeCertificate(certificate, {
          role: 'host',
          trustedCas: [ca.getPublicSSH()],
          acceptsPrincipals: (names) => names.includes('router1'),
          now: new Date(at),
        }).accepted
      expect(judge(clock.now)).toBe(true)
      expect(judge(clock.now + 23 * hour)).toBe(true)
      expect(judge(clock.now + 25 * hour)).toBe(false)
    }
  })

  it('are the same until half of the time is over, then made anew', () => {
    const clock = { now: Date.parse('2026-03-01T12:00:00Z') }
    const { forNames } = certifier(clock)
    const first = forNames(['router1'])
    clock.now += 11 * hour
    expect(forNames(['router1'])).toBe(first)
    expect(forNames(['router2'])).not.toBe(first)
    clock.now += 2 * hour
    expect(forNames(['router1'])).not.toBe(first)
  })

  it('never speak for others than they name: patterns of OpenSSH are left out', () => {
    const { forNames } = certifier({ now: Date.now() })
    const [certificate] = certificatesIn(forNames(['*', 'r?', 'a,b', '!x', 'rack 7', 'router1']))
    expect(certificate?.principals).toEqual(['router1'])
    // A certificate for nobody would be one for everybody.
    expect(certificatesIn(forNames(['*']))).toEqual([])
    expect(forNames(['*'])).toHaveLength(2)
  })

  it('are remembered for a bounded number of names', () => {
    const { forNames } = certifier({ now: Date.now() }, [key('ed25519')])
    const first = forNames(['router0'])
    const kept = forNames(['kept'])
    for (let at = 1; at <= 1_023; at += 1) {
      forNames([`router${at}`])
      expect(forNames(['kept'])).toBe(kept)
    }
    expect(forNames(['router0'])).not.toBe(first)
  }, 30_000)

  it('of a CA that cannot sign are refused when it is loaded', () => {
    const secret = key('ed25519')
    const publicOnly = ssh2.utils.parseKey(publicKeyLine({ type: secret.type, blob: secret.getPublicSSH() }))
    if (publicOnly instanceof Error) throw publicOnly
    const made = createCertifiedHostKeys({ keys: [key('ed25519')], ca: publicOnly, lifetime: hour })
    expect(made).toMatchObject({ ok: false, failure: { reason: 'unusable-ca-key' } })
  })
})
