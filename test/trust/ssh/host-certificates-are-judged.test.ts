import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Certificate } from '../../../src/ssh/certificate.js'
import { hashedKnownHostsLine, knownHostsLine } from '../../../src/ssh/known-hosts.js'
import { fingerprintOf } from '../../../src/ssh/public-key.js'
import type { Claim } from '../../../src/trust/claim.js'
import { judgeHostKey, type Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import type { KnownDevice } from '../../../src/trust/known-device.js'
import type { FirstUse } from '../../../src/trust/trust-anchors.js'
import { type KeyPair, type KeyRoom, keyKinds, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { hostKey } from '../support/host-keys.js'
import { anchorsWith, knownDevice, toldBy, wordOf } from '../support/known-devices.js'
import { createKnownDevices } from '../../../src/trust/known-devices.js'

let room: KeyRoom
let ca: KeyPair
let key: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  key = await room.key('router')
})
afterAll(() => room.remove())

const claim: Claim = { form: 'junos', deviceIds: ['Router1'] }
const forAnHour = ['-V', '-1m:+1h'] as const
const host = (...names: readonly string[]): string[] => ['-h', '-n', names.join(','), ...forAnHour]

function judged(
  { blob }: Pick<Certificate, 'blob'>,
  device: KnownDevice | undefined,
  {
    caLine = knownHostsLine(['*'], ca.publicKey, 'cert-authority'),
    firstUse = 'accept',
  }: { readonly caLine?: string; readonly firstUse?: FirstUse } = {},
): Verdict {
  const known = device === undefined ? [] : [device]
  return judgeHostKey({
    claim,
    presented: blob,
    known: createKnownDevices(known),
    anchors: anchorsWith({ knownHosts: [caLine], firstUse }),
    now: new Date(),
  })
}

describe('a host certificate of a trusted CA', () => {
  it.each(keyKinds.flatMap((of) => keyKinds.map((by) => [of, by] as const)))(
    'for a %s key by a %s CA proves the device',
    async (of, by) => {
      const authority = await room.key('ca', by)
      const certificate = await room.certify(authority, await room.key('router', of), host('router1'))
      const caLine = knownHostsLine(['*'], authority.publicKey, 'cert-authority')
      expect(judged(certificate, knownDevice('Router1'), { caLine })).toEqual({
        trusted: true,
        deviceId: 'Router1',
        because: 'certificate',
        pin: false,
        certificateValidUntil: expect.any(Date) as Date,
      })
    },
  )

  it.each([
    ['its device id, in another case', ['router1'], []],
    ['its device id among others', ['other', 'ROUTER1', 'third'], []],
    ['an alias', ['r1.example.net'], ['r1.example.net', 'r1']],
    ['an alias in another case', ['R1.example.net'], ['r1.Example.net']],
  ])('is good with %s as principal', async (_which, principals, aliases) => {
    const certificate = await room.certify(ca, key, host(...principals))
    expect(wordOf(judged(certificate, knownDevice('Router1', { aliases })))).toBe('trusted by certificate')
  })

  it('proves also a device that nobody had heard of', async () => {
    expect(wordOf(judged(await room.certify(ca, key, host('router1')), undefined))).toBe('trusted by certificate')
  })

  it('says until when it does, unless it does for ever', async () => {
    const ends = async (validity: string): Promise<unknown> => {
      const options = ['-h', '-n', 'router1', '-V', validity]
      const certificate = await room.certify(ca, key, options)
      const verdict = judged(certificate, knownDevice('Router1'))
      return verdict.trusted && [verdict.certificateValidUntil?.getTime(), Number(certificate.validBefore) * 1000]
    }
    const [until, validBefore] = (await ends('-1m:+3d')) as readonly number[]
    expect(until).toBe(validBefore)
    expect(await ends('always:forever')).toEqual([undefined, expect.any(Number)])
  })

  it('wins over an old pin and an old known_hosts entry, which no longer match', async () => {
    const certificate = await room.certify(ca, key, host('router1'))
    const old = hostKey(1)
    const verdict = judgeHostKey({
      claim,
      presented: certificate.blob,
      known: createKnownDevices([knownDevice('Router1', { pins: [old] })]),
      anchors: anchorsWith({
        knownHosts: [knownHostsLine(['*'], ca.publicKey, 'cert-authority'), knownHostsLine(['router1'], old)],
      }),
      now: new Date(),
    })
    expect(verdict).toMatchObject({ trusted: true, deviceId: 'Router1', because: 'certificate', pin: false })
  })

  it.each([
    ['every name', ['*']],
    ['the device id', ['router1']],
    ['a pattern', ['*.example.net', 'router?']],
    ['the port of NETCONF', ['[router1]:830']],
    ['a pattern with the port of NETCONF', ['[router*]:830']],
    ['an alias of the device', ['r1.example.net']],
  ])('counts where the CA is trusted for %s', async (_what, names) => {
    const caLine = knownHostsLine(names, ca.publicKey, 'cert-authority')
    const certificate = await room.certify(ca, key, host('router1'))
    const device = knownDevice('Router1', { aliases: ['r1.example.net'] })
    expect(wordOf(judged(certificate, device, { caLine }))).toBe('trusted by certificate')
  })

  it('counts where the CA is trusted for a hashed name', async () => {
    const caLine = `@cert-authority ${hashedKnownHostsLine('router1', ca.publicKey)}`
    const certificate = await room.certify(ca, key, host('router1'))
    expect(wordOf(judged(certificate, knownDevice('Router1'), { caLine }))).toBe('trusted by certificate')
  })
})

describe('a host certificate that is refused', () => {
  const refused: readonly (readonly [what: string, reason: string, options: readonly string[]])[] = [
    ['for another principal', 'certificate-wrong-principal', host('router2')],
    ['for a pattern that would fit', 'certificate-wrong-principal', host('router*')],
    ['for a longer name', 'certificate-wrong-principal', host('router1.example.net')],
    ['without principals', 'certificate-no-principals', ['-h', ...forAnHour]],
    ['that has expired', 'certificate-expired', ['-h', '-n', 'router1', '-V', '-2h:-1h']],
    ['that is not yet valid', 'certificate-not-yet-valid', ['-h', '-n', 'router1', '-V', '+1h:+2h']],
    ['that is for a user', 'certificate-wrong-role', ['-n', 'router1', ...forAnHour]],
    [
      'with a critical option',
      'certificate-unknown-critical-option',
      [...host('router1'), '-O', 'critical:force-command=x'],
    ],
  ]

  it.each(refused)('%s is no reason for first use: %s', async (_what, reason, options) => {
    const certificate = await room.certify(ca, key, options)
    for (const firstUse of ['refuse', 'pend', 'accept'] as const) {
      const verdict = judged(certificate, knownDevice('Router1'), { firstUse })
      expect(verdict).toMatchObject({ trusted: false, reason, deviceId: 'Router1' })
      expect(toldBy(verdict)).toMatch(/^presented a host certificate that is refused: .+\n.+/)
      expect(wordOf(judged(certificate, undefined, { firstUse }))).toBe(reason)
    }
  })

  it.each(refused)('%s is trusted by a pin of its plain key', async (_what, _reason, options) => {
    const certificate = await room.certify(ca, key, options)
    expect(judged(certificate, knownDevice('Router1', { pins: [hostKey(1), key.publicKey] }))).toEqual({
      trusted: true,
      deviceId: 'Router1',
      because: 'pin',
      pin: false,
    })
  })

  it.each(refused)('%s is not trusted by a pin of another key', async (_what, _reason, options) => {
    const certificate = await room.certify(ca, key, options)
    const verdict = judged(certificate, knownDevice('Router1', { pins: [hostKey(1)] }))
    expect(wordOf(verdict)).toBe('host-key-not-pinned')
    expect(toldBy(verdict)).toContain(`ssh-ed25519 ${fingerprintOf(key.publicKey.blob)}`)
  })

  it('whose signature was tampered with is refused, though its CA is trusted', async () => {
    const { blob } = await room.certify(ca, key, host('router1'))
    const forged = Buffer.from(blob)
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1)
    expect(wordOf(judged({ blob: forged }, knownDevice('Router1')))).toBe('certificate-bad-ca-signature')
  })

  it('signed with SHA-1 is refused, though its CA is trusted', async () => {
    const authority = await room.key('ca', 'rsa')
    const certificate = await room.certify(authority, key, ['-t', 'ssh-rsa', ...host('router1')])
    const caLine = knownHostsLine(['*'], authority.publicKey, 'cert-authority')
    expect(wordOf(judged(certificate, knownDevice('Router1'), { caLine }))).toBe('certificate-weak-ca-signature')
  })
})

describe('a host certificate of a CA that is not trusted for the device', () => {
  it.each<[string, () => string]>([
    ['at all', () => knownHostsLine(['*'], hostKey(1), 'cert-authority')],
    ['but for another', () => knownHostsLine(['router2', '[router1]:22'], ca.publicKey, 'cert-authority')],
    ['but for all others', () => knownHostsLine(['*', '!router1', '![router1]:830'], ca.publicKey, 'cert-authority')],
    ['but as the host key of the device', () => knownHostsLine(['router9'], ca.publicKey)],
  ])('%s is as good as its plain key', async (_where, caLine) => {
    const certificate = await room.certify(ca, key, host('router1'))
    const device = knownDevice('Router1')
    const verdicts = (['refuse', 'pend', 'accept'] as const).map((firstUse) =>
      judged(certificate, device, { caLine: caLine(), firstUse }),
    )
    expect(verdicts.map(wordOf)).toEqual(['nothing-proves-it', 'pending', 'trusted by first-use'])
    // An operator compares the key of the device; who signed it is told as well.
    for (const verdict of verdicts.slice(0, 2)) {
      expect(toldBy(verdict)).toContain(fingerprintOf(key.publicKey.blob))
      expect(toldBy(verdict)).toContain(fingerprintOf(ca.publicKey.blob))
    }
    const pinned = knownDevice('Router1', { pins: [key.publicKey] })
    expect(wordOf(judged(certificate, pinned, { caLine: caLine() }))).toBe('trusted by pin')
  })

  it('does not vouch by the key of its CA being pinned', async () => {
    const certificate = await room.certify(ca, key, host('router1'))
    const device = knownDevice('Router1', { pins: [ca.publicKey] })
    const caLine = knownHostsLine(['router1'], ca.publicKey)
    expect(wordOf(judged(certificate, device, { caLine }))).toBe('host-key-not-pinned')
  })
})

describe('a certificate that cannot be read', () => {
  it('is a key that nobody knows', async () => {
    const { blob } = await room.certify(ca, key, host('router1'))
    const torn = { blob: blob.subarray(0, blob.length - 1) }
    expect(wordOf(judged(torn, knownDevice('Router1', { pins: [key.publicKey] })))).toBe('host-key-not-pinned')
    expect(wordOf(judged(torn, knownDevice('Router1'), { firstUse: 'pend' }))).toBe('pending')
  })
})
