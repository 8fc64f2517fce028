import { describe, expect, it } from 'vitest'
import {
  courseInWords,
  hintAfter,
  type LoginRecord,
  type OfferedStep,
} from '../../../src/southbound/ssh/login-failure.js'
import { fingerprintOf } from '../../../src/ssh/public-key.js'
import { signCertificate } from '../../../src/ssh/sign-certificate.js'
import { loginKey } from '../../../src/ssh/ssh2/keys.js'
import { newLoginKey } from '../support/login-at-device.js'

const now = new Date('2026-06-01T12:00:00Z')
const key = newLoginKey()
const ca = newLoginKey()

interface Signing {
  readonly principals?: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly always?: true
  readonly keyId?: string
  readonly criticalOptions?: Readonly<Record<string, string>>
}

function certified(signing: Signing = {}): OfferedStep {
  const { principals = ['netconf'], keyId = 'bridge', always, criticalOptions } = signing
  const { from = '2026-06-01T00:00:00Z', to = '2026-06-02T00:00:00Z' } = signing
  const signed = signCertificate(ca, {
    role: 'user',
    key: key.getPublicSSH(),
    keyId,
    principals,
    validity: always ? 'always' : { from: new Date(from), to: new Date(to) },
    serial: 1n,
    ...(criticalOptions === undefined ? {} : { criticalOptions }),
  })
  if (!signed.ok) throw new Error(signed.failure.message)
  const made = loginKey(key, signed.certificate)
  if (!made.ok) throw new Error(made.failure.message)
  return { kind: 'certificate', key: made.key }
}

const plain: OfferedStep = { kind: 'key', key }
const password: OfferedStep = { kind: 'password' }
const record = (more: Partial<LoginRecord>): LoginRecord => ({
  username: 'netconf',
  accepted: [],
  refused: [],
  unasked: [],
  asks: ['publickey', 'password'],
  lacksParts: false,
  ...more,
})

describe('how a login went', () => {
  it('is told with all that a certificate says, and the fingerprints', () => {
    const told = courseInWords(record({ refused: [certified({ principals: ['a', 'b'] }), plain, password] }))
    const fingerprint = fingerprintOf(key.getPublicSSH())
    expect(told).toBe(
      `as "netconf"; it asks for publickey, password; offered were publickey ssh-ed25519-cert-v01@openssh.com ${fingerprint} ` +
        '(certificate "bridge" for "a", "b", valid from 2026-06-01T00:00:00.000Z until 2026-06-02T00:00:00.000Z, ' +
        `signed by ${fingerprintOf(ca.getPublicSSH())}), publickey ssh-ed25519 ${fingerprint}, password`,
    )
  })

  it('shows no more of what others wrote than a line, and no list without end', () => {
    const refused = Array.from({ length: 14 }, () => plain)
    const told = courseInWords(record({ username: 'a\n', asks: ['x\u0007'], refused }))
    expect(told).toContain('as "a\\n"; it asks for x\\u{7};')
    expect(told).toMatch(/ and 4 more$/)
    expect(courseInWords(record({ refused: [certified({ keyId: '\u001B[2J' })] }))).not.toContain('\u001B')
  })

  it('says of a certificate without bounds that it is always valid', () => {
    expect(courseInWords(record({ refused: [certified({ always: true })] }))).toContain(', valid always, ')
  })
})

describe('what helps', () => {
  it.each([
    ['expired', certified({ to: '2026-06-01T11:59:59Z' }), /^the certificate "bridge" has expired/],
    ['is not valid yet', certified({ from: '2026-06-01T12:00:01Z' }), /^the certificate "bridge" is not valid yet/],
    ['is for another name', certified({ principals: ['x'] }), /^the certificate "bridge" is not for "netconf"/],
    [
      'is for certain addresses',
      certified({ criticalOptions: { 'source-address': '192.0.2.1' } }),
      /is for certain source addresses/,
    ],
  ])('is that a certificate %s, and else where to look', (_name, step, hint) => {
    const told = hintAfter(record({ refused: [step] }), now)
    expect(told).toMatch(hint)
    expect(told).toMatch(/; else the device does not say why, .+\(1\) .+account "netconf".+\(2\) .+TrustedUserCAKeys/)
  })

  it('is where to look, where a certificate is as it should be', () => {
    expect(hintAfter(record({ refused: [certified()] }), now)).toMatch(/^the device does not say why/)
  })

  it.each([
    ['more steps', { accepted: [plain], asks: ['password'] }, 'it wants password besides: add that to `credentials`'],
    [
      'another method',
      { unasked: [plain], asks: ['password'] },
      'it takes password alone, and `credentials` have a key',
    ],
    [
      'a method that nobody has',
      { refused: [password], asks: ['hostbased'] },
      'it takes hostbased alone, and `credentials` have a password',
    ],
    [
      'another method, too',
      { refused: [plain], unasked: [password], asks: ['publickey'] },
      '(3) whether it should take a password, too',
    ],
  ] as const)('is to give %s, where the device wants that', (_name, more, hint) => {
    expect(hintAfter(record(more), now)).toContain(hint)
  })

  it('is in the log, where part of the credentials could not be used', () => {
    expect(hintAfter(record({ refused: [plain], lacksParts: true }), now)).toMatch(
      /^part of the credentials could not be used, see the line `credentials not used`; else /,
    )
  })
})
