import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuthorizedKey, User } from '../../../src/access/authn/user.js'
import { judgeUserKey, type KeyVerdict } from '../../../src/northbound/ssh/judge-user-key.js'
import { parseAuthorizedKeyLine } from '../../../src/ssh/authorized-keys.js'
import type { Certificate } from '../../../src/ssh/certificate.js'
import { nothingRevoked, type Revocations } from '../../../src/ssh/revocation.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'

let room: KeyRoom
let key: KeyPair
let ca: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  key = await room.key('user')
  ca = await room.key('user_ca')
})
afterAll(() => room.remove())

const free = { netconfOnly: false, noTerminal: false, noForwarding: false }
const now = new Date('2030-06-01T12:00:00Z')

/** A user `ops` whose authorized keys are these lines. */
function userWith(...lines: readonly string[]): User {
  const authorizedKeys = lines.map((line): AuthorizedKey => {
    const parsed = parseAuthorizedKeyLine(line)
    if (!parsed.ok) throw new Error(parsed.failure.message)
    return { ...parsed.authorized.key, options: parsed.authorized.options }
  })
  return { name: 'ops', authorizedKeys, principals: ['ops'], roles: [] }
}

interface Circumstances {
  readonly from?: string
  readonly at?: Date
  readonly trustedCas?: readonly Buffer[]
  readonly revocations?: Revocations
}

function judge(
  offered: { readonly type: string; readonly blob: Buffer },
  user: User | undefined,
  { from = '192.0.2.7', at = now, trustedCas = [], revocations = nothingRevoked }: Circumstances = {},
): KeyVerdict {
  const trust = { trustedCas, revocations }
  return judgeUserKey({ algo: offered.type, data: offered.blob }, user, {
    trust,
    remoteAddress: from,
    now: at,
  })
}

const reasonOf = (verdict: KeyVerdict): string => (verdict.accepted ? 'accepted' : verdict.reason)

describe('a key', () => {
  it('of the user is accepted, and named', () => {
    expect(judge(key.publicKey, userWith(key.line))).toEqual({
      accepted: true,
      key: expect.stringMatching(/^ssh-ed25519 SHA256:[A-Za-z0-9+/]{43}$/),
      restriction: free,
    })
  })

  it('of nobody, of a user who does not exist, or of a CA, is not', () => {
    expect(reasonOf(judge(key.publicKey, userWith()))).toBe('unknown-key')
    expect(reasonOf(judge(key.publicKey, undefined))).toBe('unknown-key')
    expect(reasonOf(judge(key.publicKey, userWith(`cert-authority ${key.line}`)))).toBe('unknown-key')
  })

  it('that is revoked is not', () => {
    const revocations = { ...nothingRevoked, keys: [key.publicKey.blob] }
    expect(reasonOf(judge(key.publicKey, userWith(key.line), { revocations }))).toBe('revoked-key')
  })

  it.each([
    ['from="192.0.2.0/24"', '192.0.2.7', 'accepted'],
    ['from="192.0.2.0/24"', '::ffff:192.0.2.7', 'accepted'],
    ['from="192.0.2.0/24"', '198.51.100.7', 'wrong-source-address'],
    ['from="192.0.2.*,!192.0.2.7"', '192.0.2.7', 'wrong-source-address'],
    ['from="2001:db8::/32"', '2001:db8::7', 'accepted'],
    ['from="2001:db8::/32"', 'fe80::1%eth0', 'wrong-source-address'],
    ['from="*"', '', 'accepted'],
    ['from="10.0.0.0/8"', '', 'wrong-source-address'],
  ])('with %s is, from %s: %s', (options, from, reason) => {
    expect(reasonOf(judge(key.publicKey, userWith(`${options} ${key.line}`), { from }))).toBe(reason)
  })

  it('with an expiry-time is until then', () => {
    const user = userWith(`expiry-time="20300601120000Z" ${key.line}`)
    expect(reasonOf(judge(key.publicKey, user, { at: new Date('2030-06-01T11:59:59.999Z') }))).toBe('accepted')
    expect(reasonOf(judge(key.publicKey, user, { at: now }))).toBe('expired-key')
  })

  it.each([
    ['restrict', { netconfOnly: false, noTerminal: true, noForwarding: true }],
    ['restrict,pty', { netconfOnly: false, noTerminal: false, noForwarding: true }],
    ['no-port-forwarding', { netconfOnly: false, noTerminal: false, noForwarding: true }],
    ['no-pty,no-agent-forwarding', { netconfOnly: false, noTerminal: true, noForwarding: false }],
    ['command="netconf"', { netconfOnly: true, noTerminal: false, noForwarding: false }],
  ])('with %s may less', (options, restriction) => {
    expect(judge(key.publicKey, userWith(`${options} ${key.line}`))).toMatchObject({ accepted: true, restriction })
  })

  it('with another command is of no use', () => {
    expect(reasonOf(judge(key.publicKey, userWith(`command="/bin/sh" ${key.line}`)))).toBe('forced-command')
  })

  it('on several lines is what the first line makes it that lets it in, else what the first refuses', () => {
    const home = `from="10.0.0.0/8" ${key.line}`
    const old = `expiry-time="20200101" ${key.line}`
    expect(judge(key.publicKey, userWith(home, `restrict ${key.line}`, key.line))).toMatchObject({
      accepted: true,
      restriction: { noTerminal: true },
    })
    expect(reasonOf(judge(key.publicKey, userWith(old, home)))).toBe('expired-key')
  })
})

describe('a certificate', () => {
  const certified = (options: readonly string[], by: KeyPair = ca): Promise<Certificate> =>
    room.certify(by, key, options)
  const lasting = ['-n', 'ops', '-V', '20200101:20400101']

  it('of a CA for all users is accepted for its principals, and named', async () => {
    const certificate = await certified([...lasting, '-z', '7'])
    const trustedCas = [ca.publicKey.blob]
    expect(judge(certificate, userWith(), { trustedCas })).toEqual({
      accepted: true,
      until: new Date('2040-01-01T00:00:00Z'),
      key: expect.stringMatching(/^ssh-ed25519-cert-v01@openssh\.com "test" serial 7 by ssh-ed25519 SHA256:/),
      restriction: free,
    })
    expect(reasonOf(judge(certificate, undefined, { trustedCas }))).toBe('wrong-principal')
    expect(reasonOf(judge(certificate, userWith()))).toBe('untrusted-ca')
  })

  it('of a CA on a line of the user is accepted for that user, and for the principals of the line', async () => {
    const certificate = await certified(lasting)
    expect(reasonOf(judge(certificate, userWith(`cert-authority ${ca.line}`)))).toBe('accepted')
    expect(reasonOf(judge(certificate, { ...userWith(`cert-authority ${ca.line}`), principals: ['other'] }))).toBe(
      'wrong-principal',
    )
    const forLaptops = `cert-authority,principals="laptop,phone" ${ca.line}`
    expect(reasonOf(judge(certificate, userWith(forLaptops)))).toBe('wrong-principal')
    expect(reasonOf(judge(await certified(['-n', 'phone', '-V', '20200101:20400101']), userWith(forLaptops)))).toBe(
      'accepted',
    )
    expect(reasonOf(judge(certificate, userWith(ca.line)))).toBe('untrusted-ca')
  })

  it('of such a CA is judged by the options of the line, and by its own', async () => {
    const line = (options: string): User => userWith(`cert-authority,${options} ${ca.line}`)
    const certificate = await certified(lasting)
    expect(reasonOf(judge(certificate, line('from="10.0.0.0/8"')))).toBe('wrong-source-address')
    expect(reasonOf(judge(certificate, line('expiry-time="20300101"')))).toBe('expired-key')
    expect(judge(certificate, line('restrict'))).toMatchObject({
      restriction: { noTerminal: true, noForwarding: true },
    })
    const narrow = await certified([...lasting, '-O', 'force-command=netconf', '-O', 'no-pty'])
    expect(judge(narrow, line('no-port-forwarding'))).toMatchObject({
      accepted: true,
      restriction: { netconfOnly: true, noTerminal: true, noForwarding: true },
    })
    const elsewhere = await certified([...lasting, '-O', 'source-address=10.0.0.0/8'])
    expect(reasonOf(judge(elsewhere, userWith(`cert-authority ${ca.line}`)))).toBe('wrong-source-address')
    const revocations = { ...nothingRevoked, keys: [ca.publicKey.blob] }
    expect(reasonOf(judge(certificate, line('restrict'), { revocations }))).toBe('revoked')
  })

  it('that is no certificate is refused as one', () => {
    expect(
      reasonOf(judge({ type: 'ssh-ed25519-cert-v01@openssh.com', blob: key.publicKey.blob }, userWith(key.line))),
    ).toBe('malformed-certificate')
  })
})
