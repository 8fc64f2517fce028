import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, parseCertificate } from '../../src/ssh/certificate.js'
import { type CertificatePolicy, judgeCertificate } from '../../src/ssh/judge-certificate.js'
import { judgeUserCertificate, type UserCertificatePolicy } from '../../src/ssh/user-certificate.js'
import { type KeyPair, type KeyRoom, keyKinds, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
let ca: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
})
afterAll(() => room.remove())

function judge(certificate: Certificate, policy: Partial<CertificatePolicy> = {}): string {
  const verdict = judgeCertificate(certificate, {
    role: 'host',
    trustedCas: [ca.publicKey.blob],
    now: new Date(),
    acceptsPrincipals: (principals) => principals.includes('router1'),
    ...policy,
  })
  return verdict.accepted ? 'accepted' : verdict.reason
}

const forRouter = ['-h', '-n', 'router1', '-V', '-1m:+1h']

describe('judging a host certificate', () => {
  it.each(keyKinds)('accepts one of a %s key, by a CA of that type', async (kind) => {
    const thisCa = await room.key('ca', kind)
    const certificate = await room.certify(thisCa, await room.key('host', kind), forRouter)
    expect(judge(certificate, { trustedCas: [thisCa.publicKey.blob] })).toBe('accepted')
  })

  it('refuses one of a CA that is not trusted', async () => {
    const certificate = await room.certify(await room.key('another-ca'), await room.key('host'), forRouter)
    expect(judge(certificate)).toBe('untrusted-ca')
    expect(judge(certificate, { trustedCas: [] })).toBe('untrusted-ca')
  })

  it('refuses a body that was changed, at every octet', async () => {
    const { blob, signed } = await room.certify(ca, await room.key('host'), forRouter)
    for (let at = 0; at < signed.length; at++) {
      const tampered = Buffer.from(blob)
      tampered[at] = (tampered[at] ?? 0) ^ 1
      const parsed = parseCertificate(tampered)
      if (parsed.ok) expect(['bad-ca-signature', 'untrusted-ca'], `octet ${at}`).toContain(judge(parsed.certificate))
    }
  })

  it('refuses an RSA signature with SHA-1', async () => {
    const rsaCa = await room.key('ca', 'rsa')
    const certificate = await room.certify(rsaCa, await room.key('host'), ['-t', 'ssh-rsa', ...forRouter])
    expect(judge(certificate, { trustedCas: [rsaCa.publicKey.blob] })).toBe('weak-ca-signature')
    for (const algorithm of ['rsa-sha2-256', 'rsa-sha2-512']) {
      const signed = await room.certify(rsaCa, await room.key('host'), ['-t', algorithm, ...forRouter])
      expect(judge(signed, { trustedCas: [rsaCa.publicKey.blob] })).toBe('accepted')
    }
  })

  it('refuses a certificate of the other role', async () => {
    const certificate = await room.certify(ca, await room.key('host'), ['-n', 'router1', '-V', '-1m:+1h'])
    expect(judge(certificate)).toBe('wrong-role')
    expect(judge(certificate, { role: 'user' })).toBe('accepted')
  })

  it('holds from its first second to the one before its last', async () => {
    const certificate = await room.certify(ca, await room.key('host'), [
      '-h',
      '-n',
      'router1',
      '-V',
      '20260101000000Z:20260102000000Z',
    ])
    const at = (time: string) => judge(certificate, { now: new Date(time) })
    expect(at('2025-12-31T23:59:59.999Z')).toBe('not-yet-valid')
    expect(at('2026-01-01T00:00:00.000Z')).toBe('accepted')
    expect(at('2026-01-01T23:59:59.999Z')).toBe('accepted')
    expect(at('2026-01-02T00:00:00.000Z')).toBe('expired')
    const always = await room.certify(ca, await room.key('host'), ['-h', '-n', 'router1', '-V', 'always:forever'])
    expect(judge(always, { now: new Date(0) })).toBe('accepted')
    expect(judge(always, { now: new Date('9999-12-31T00:00:00Z') })).toBe('accepted')
  })

  it('refuses other principals, and none at all', async () => {
    const host = await room.key('host')
    expect(judge(await room.certify(ca, host, ['-h', '-n', 'router2,router11']))).toBe('wrong-principal')
    const none = await room.certify(ca, host, ['-h'])
    expect(judge(none, { acceptsPrincipals: () => true })).toBe('no-principals')
  })

  it('refuses critical options, which hosts have none of', async () => {
    const certificate = await room.certify(ca, await room.key('host'), [...forRouter, '-O', 'critical:odd@example.com'])
    expect(judge(certificate)).toBe('unknown-critical-option')
    expect(judge(certificate, { knownCriticalOptions: ['odd@example.com'] })).toBe('accepted')
  })

  it('refuses what is revoked, but asks only about certificates whose signature holds', async () => {
    const certificate = await room.certify(ca, await room.key('host'), forRouter)
    expect(judge(certificate, { revocation: () => 'the key' })).toBe('revoked')
    const forged = { ...certificate, signed: Buffer.concat([certificate.signed, Buffer.from([0])]) }
    const asked: Certificate[] = []
    const revocation = (of: Certificate) => {
      asked.push(of)
      return undefined
    }
    expect(judge(forged, { revocation })).toBe('bad-ca-signature')
    expect(asked).toEqual([])
  })
})

describe('judging a user certificate', () => {
  const judgeUser = (certificate: Certificate, policy: Partial<UserCertificatePolicy> = {}) =>
    judgeUserCertificate(certificate, {
      trustedCas: [ca.publicKey.blob],
      now: new Date(),
      principals: ['netops', 'ops'],
      remoteAddress: '192.0.2.7',
      ...policy,
    })
  const user = (...options: readonly string[]) =>
    room.key('user').then((key) => room.certify(ca, key, ['-n', 'somebody,ops', '-V', '-1m:+1h', ...options]))

  it('accepts any of the principals', async () => {
    const certificate = await user()
    expect(judgeUser(certificate)).toEqual({ accepted: true, certificate })
    expect(judgeUser(certificate, { principals: ['netops'] })).toMatchObject({ reason: 'wrong-principal' })
    expect(judgeUser(certificate, { principals: [] })).toMatchObject({ reason: 'wrong-principal' })
  })

  it('refuses a host certificate', async () => {
    expect(judgeUser(await user('-h'))).toMatchObject({ reason: 'wrong-role' })
  })

  it('holds to source-address', async () => {
    const certificate = await user('-O', 'source-address=198.51.100.1/32,192.0.2.0/24,2001:db8::/32')
    const from = (remoteAddress: string) => {
      const verdict = judgeUser(certificate, { remoteAddress })
      return verdict.accepted ? 'accepted' : verdict.reason
    }
    for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '198.51.100.1', '2001:db8:1::5'])
      expect(from(address), address).toBe('accepted')
    for (const address of ['192.0.3.7', '198.51.100.2', '2001:db9::1', '::1', '', 'router1'])
      expect(from(address), address).toBe('wrong-source-address')
  })

  it('refuses a forced command that is not the one that runs anyway', async () => {
    const certificate = await user('-O', 'force-command=netconf')
    expect(judgeUser(certificate)).toMatchObject({ reason: 'forced-command' })
    const runs = (command: string) => command === 'netconf'
    expect(judgeUser(certificate, { runs })).toMatchObject({ accepted: true, forcedCommand: 'netconf' })
    expect(judgeUser(await user('-O', 'force-command=/bin/sh'), { runs })).toMatchObject({ reason: 'forced-command' })
  })

  it('refuses verify-required and other critical options', async () => {
    expect(judgeUser(await user('-O', 'verify-required'))).toMatchObject({ reason: 'unknown-critical-option' })
  })

  it('refuses malformed options', async () => {
    for (const option of [
      'critical:source-address=nowhere',
      'critical:source-address=10.0.0.1/8',
      'critical:force-command',
    ])
      expect(judgeUser(await user('-O', option), { runs: () => true }), option).toMatchObject({
        reason: 'malformed-option',
      })
  })
})
