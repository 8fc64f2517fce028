import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateLine } from '../../src/ssh/certificate.js'
import { makeEphemeralCertificate } from '../../src/ssh/ephemeral-certificate.js'
import { judgeUserCertificate } from '../../src/ssh/user-certificate.js'
import { type CertificateRequest, signCertificate } from '../../src/ssh/sign-certificate.js'
import { type KeyRoom, keyKinds, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
beforeAll(async () => {
  room = await makeKeyRoom()
})
afterAll(() => room.remove())

/** What `ssh-keygen -L` prints of a certificate line, in UTC. */
async function described(line: string): Promise<string> {
  process.env['TZ'] = 'UTC'
  const path = await room.write('described-cert.pub', `${line}\n`)
  return (await room.run('-L', '-f', path)).replace(`${path}:\n`, '')
}

/** What `ssh-keygen -L` prints when ssh-keygen itself signed. */
async function reference(ca: string, subject: string, options: readonly string[]): Promise<string> {
  await room.run('-q', '-s', ca, ...options, `${subject}.pub`)
  process.env['TZ'] = 'UTC'
  const path = `${subject}-cert.pub`
  return (await room.run('-L', '-f', path)).replace(`${path}:\n`, '')
}

const from = new Date('2026-01-02T03:04:05Z')
const to = new Date('2026-02-02T03:04:05Z')
const period = ['-V', '20260102030405Z:20260202030405Z']

describe('certificates of our own CA', () => {
  const pairs = keyKinds.flatMap((ca) => keyKinds.map((subject) => [ca, subject] as const))
  it.each(pairs)('a %s CA certifies a %s key just as ssh-keygen does', async (caKind, kind) => {
    const ca = await room.key('ca', caKind)
    const subject = await room.key('subject', kind)
    const signed = signCertificate(ca.privateKey, {
      role: 'user',
      key: subject.publicKey.blob,
      keyId: 'nms of the lab',
      principals: ['netops', 'lab'],
      validity: { from, to },
      serial: 7n,
    })
    if (!signed.ok) throw new Error(signed.failure.message)
    // ssh-keygen -L checks the CA's signature before it prints anything.
    expect(await described(certificateLine(signed.certificate))).toBe(
      await reference(ca.path, subject.path, ['-I', 'nms of the lab', '-n', 'netops,lab', '-z', '7', ...period]),
    )
  })

  it('has options and extensions as asked, in order', async () => {
    const ca = await room.key('ca')
    const subject = await room.key('subject')
    const sign = (request: Partial<CertificateRequest>): string => {
      const signed = signCertificate(ca.privateKey, {
        role: 'user',
        key: subject.publicKey.blob,
        keyId: 'id',
        principals: ['a'],
        validity: 'always',
        ...request,
      })
      if (!signed.ok) throw new Error(signed.failure.message)
      return certificateLine(signed.certificate)
    }
    const asked = ['-I', 'id', '-n', 'a', '-O', 'clear']
    expect(
      await described(
        sign({
          criticalOptions: { 'source-address': '192.0.2.0/24', 'force-command': 'netconf' },
          extensions: ['permit-pty', 'permit-X11-forwarding', 'permit-agent-forwarding'],
        }),
      ),
    ).toBe(
      await reference(ca.path, subject.path, [
        ...asked,
        ...'-O force-command=netconf -O source-address=192.0.2.0/24'.split(' '),
        ...'-O permit-X11-forwarding -O permit-agent-forwarding -O permit-pty'.split(' '),
      ]),
    )
    expect(await described(sign({ extensions: [] }))).toBe(await reference(ca.path, subject.path, asked))
    expect(await described(sign({ role: 'host' }))).toBe(
      await reference(ca.path, subject.path, ['-h', '-I', 'id', '-n', 'a']),
    )
  })

  it('refuses what would be of no use', async () => {
    const ca = await room.key('ca')
    const subject = await room.key('subject')
    const request: CertificateRequest = {
      role: 'host',
      key: subject.publicKey.blob,
      keyId: 'id',
      principals: ['router1'],
      validity: 'always',
    }
    const cause = (changed: Partial<CertificateRequest>, by = ca.privateKey) => {
      const signed = signCertificate(by, { ...request, ...changed })
      return signed.ok ? 'signed' : signed.failure.reason
    }
    expect(cause({})).toBe('signed')
    expect(cause({ principals: [] })).toBe('no-principals')
    expect(cause({ validity: { from: to, to: from } })).toBe('never-valid')
    expect(cause({ validity: { from: new Date(Number.NaN), to } })).toBe('never-valid')
    expect(cause({ keyId: 'a\0b' })).toBe('unusable-request')
    expect(cause({ extensions: ['a', 'a'] })).toBe('unusable-request')
    const certificate = signCertificate(ca.privateKey, request)
    expect(certificate.ok && cause({ key: certificate.certificate.blob })).toBe('unusable-key')
    const publicOnly = Object.assign(Object.create(ca.privateKey) as typeof ca.privateKey, {
      getPrivatePEM: () => null,
    })
    expect(cause({}, publicOnly)).toBe('unusable-ca-key')
  })
})

describe('ephemeral certificates', () => {
  it('are good for some minutes and for the principals alone, with a new key each time', async () => {
    const ca = await room.key('ca')
    const now = new Date('2026-03-04T05:06:07Z')
    const make = () =>
      makeEphemeralCertificate(ca.privateKey, { principals: ['netconf'], keyId: 'homeport router1', now, minutes: 5 })
    const [first, second] = [make(), make()]
    if (!first.ok || !second.ok) throw new Error('not signed')
    expect(first.certificate.key.blob).toEqual(first.privateKey.getPublicSSH())
    expect(first.certificate.key.blob).not.toEqual(second.certificate.key.blob)
    const judged = (seconds: number, principal = 'netconf') => {
      const verdict = judgeUserCertificate(first.certificate, {
        trustedCas: [ca.publicKey.blob],
        now: new Date(now.getTime() + seconds * 1000),
        principals: [principal],
        remoteAddress: '192.0.2.1',
      })
      return verdict.accepted ? 'accepted' : verdict.reason
    }
    expect(judged(0)).toBe('accepted')
    expect(judged(299)).toBe('accepted')
    expect(judged(300)).toBe('expired')
    expect(judged(-60)).toBe('accepted')
    expect(judged(-61)).toBe('not-yet-valid')
    expect(judged(0, 'root')).toBe('wrong-principal')
    expect(await described(certificateLine(first.certificate))).toContain('permit-pty')
  })
})
