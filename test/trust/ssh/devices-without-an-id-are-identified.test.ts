import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashedKnownHostsLine, knownHostsLine } from '../../../src/ssh/known-hosts.js'
import { fingerprintOf } from '../../../src/ssh/public-key.js'
import type { Claim } from '../../../src/trust/claim.js'
import { judgeHostKey, type Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import type { KnownDevice } from '../../../src/trust/known-device.js'
import type { FirstUse } from '../../../src/trust/trust-anchors.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { hostKey } from '../support/host-keys.js'
import { anchorsWith, knownDevice, toldBy, wordOf } from '../support/known-devices.js'
import { createKnownDevices } from '../../../src/trust/known-devices.js'

const claim: Claim = { form: 'none', deviceIds: [] }

let room: KeyRoom
let ca: KeyPair
let key: KeyPair
let fingerprint: string
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  key = await room.key('switch')
  fingerprint = fingerprintOf(key.publicKey.blob)
})
afterAll(() => room.remove())

function judged(
  blob: Buffer,
  known: readonly KnownDevice[],
  {
    knownHosts = [],
    firstUse = 'pend',
  }: { readonly knownHosts?: readonly string[]; readonly firstUse?: FirstUse } = {},
): Verdict {
  return judgeHostKey({
    claim,
    presented: blob,
    known: createKnownDevices(known),
    anchors: anchorsWith({ knownHosts, firstUse }),
    now: new Date(),
  })
}
const trustedCa = (): string => knownHostsLine(['*'], ca.publicKey, 'cert-authority')
const certified = async (keyId: string, principals: string, by: KeyPair = ca): Promise<Buffer> =>
  (await room.certify(by, key, ['-I', keyId, '-h', '-n', principals, '-V', '-1m:+1h'])).blob

describe('a device that says no id is found', () => {
  it('by its pinned key, plain or certified', async () => {
    const known = [knownDevice('switch1', { pins: [hostKey(1)] }), knownDevice('switch2', { pins: [key.publicKey] })]
    const verdict = { trusted: true, deviceId: 'switch2', because: 'pin', pin: false }
    expect(judged(key.publicKey.blob, known)).toEqual(verdict)
    expect(judged(await certified('any', 'any'), known)).toEqual(verdict)
  })

  it('by its pinned key before the principal of its certificate', async () => {
    const known = [knownDevice('switch1'), knownDevice('switch2', { pins: [key.publicKey] })]
    const blob = await certified('test', 'switch1')
    expect(judged(blob, known, { knownHosts: [trustedCa()] })).toMatchObject({
      trusted: true,
      deviceId: 'switch2',
      because: 'pin',
    })
  })

  it.each([
    ['the principal', 'test', 'Switch2', 'switch2'],
    ['one of the principals', 'test', 'other,SWITCH2,third', 'switch2'],
    ['the principal as alias', 'test', 'S3.example', 'switch3'],
    ['the key id among several principals', 'switch2', 'switch3,switch2', 'switch2'],
    ['the key id that is an alias among several principals', 's3.example', 'switch2,s3.example', 'switch3'],
  ])('by its certificate: %s', async (_what, keyId, principals, deviceId) => {
    const known = [
      knownDevice('switch1'),
      knownDevice('switch2'),
      knownDevice('switch3', { aliases: ['s3.Example'], pins: [hostKey(3)] }),
    ]
    const blob = await certified(keyId, principals)
    expect(judged(blob, known, { knownHosts: [trustedCa()] })).toMatchObject({
      trusted: true,
      deviceId,
      because: 'certificate',
      pin: false,
    })
  })

  it.each([
    ['its only principal', 'test', 'Switch9', 'switch9'],
    ['the principal that is its key id', 'switch9', 'switch8,switch9', 'switch9'],
    ['its first principal', 'test', 'switch8,switch9', 'switch8'],
  ])('under %s where nobody had heard of it', async (_what, keyId, principals, deviceId) => {
    const blob = await certified(keyId, principals)
    expect(judged(blob, [knownDevice('switch1')], { knownHosts: [trustedCa()] })).toMatchObject({
      trusted: true,
      deviceId,
      because: 'certificate',
      pin: false,
    })
  })

  it.each([
    ['plain', () => knownHostsLine(['switch2'], key.publicKey)],
    ['under an alias', () => knownHostsLine(['s2.example'], key.publicKey)],
    ['under the port of NETCONF', () => knownHostsLine(['[switch2]:830'], key.publicKey)],
    ['hashed', () => hashedKnownHostsLine('switch2', key.publicKey)],
    ['hashed under the port of NETCONF', () => hashedKnownHostsLine('[switch2]:830', key.publicKey)],
  ])('by known_hosts: %s', (_how, line) => {
    const known = [knownDevice('switch1'), knownDevice('switch2', { aliases: ['S2.example'] })]
    expect(judged(key.publicKey.blob, known, { knownHosts: [line()] })).toEqual({
      trusted: true,
      deviceId: 'switch2',
      because: 'known-hosts',
      pin: false,
    })
  })

  it('by its fingerprint, under which it waits until it is given an id', () => {
    for (const known of [[], [knownDevice('switch1', { pins: [hostKey(1)] })], [knownDevice(fingerprint)]]) {
      const verdict = judged(key.publicKey.blob, known)
      expect(verdict).toMatchObject({ trusted: false, reason: 'pending', deviceId: fingerprint })
      expect(toldBy(verdict)).toContain('sent no device id')
      expect(toldBy(verdict)).toContain(
        `homeport devices approve --fingerprint ${fingerprint} --as NAME ${fingerprint}`,
      )
    }
  })

  it('by its fingerprint when it was rejected under that', () => {
    expect(judged(key.publicKey.blob, [knownDevice(fingerprint, { rejected: true })])).toMatchObject({
      reason: 'rejected',
      deviceId: fingerprint,
    })
  })
})

describe('a device that says no id is not found', () => {
  it('by the principal of a certificate whose CA is not trusted', async () => {
    const blob = await certified('switch1', 'switch1', await room.key('other-ca'))
    for (const knownHosts of [[trustedCa()], []])
      expect(judged(blob, [knownDevice('switch1')], { knownHosts })).toMatchObject({
        reason: 'pending',
        deviceId: fingerprint,
      })
  })

  it('by a key id that is no principal', async () => {
    const blob = await certified('switch1', 'switch2')
    expect(judged(blob, [knownDevice('switch1')], { knownHosts: [trustedCa()] })).toMatchObject({
      trusted: true,
      deviceId: 'switch2',
    })
  })

  it('by another host of known_hosts', () => {
    const knownHosts = [knownHostsLine(['elsewhere', '192.0.2.1', '[switch1]:22'], key.publicKey)]
    expect(judged(key.publicKey.blob, [knownDevice('switch1')], { knownHosts })).toMatchObject({
      reason: 'pending',
      deviceId: fingerprint,
    })
  })

  it('and believed at its first use: it has no name', () => {
    expect(wordOf(judged(key.publicKey.blob, [], { firstUse: 'accept' }))).toBe('pending')
  })

  it('and neither under a name where unknown devices are refused', () => {
    const verdict = judged(key.publicKey.blob, [], { firstUse: 'refuse' })
    expect(wordOf(verdict)).toBe('unknown-host-key')
    expect(verdict.deviceId).toBeUndefined()
  })

  it('as the owner of a name that a forged certificate carries', async () => {
    const blob = Buffer.from(await certified('switch1', 'switch1'))
    blob.writeUInt8(blob.readUInt8(blob.length - 1) ^ 1, blob.length - 1)
    for (const firstUse of ['refuse', 'pend', 'accept'] as const)
      for (const known of [[], [knownDevice('switch1')]])
        expect(wordOf(judged(blob, known, { knownHosts: [trustedCa()], firstUse }))).toBe(
          'certificate-bad-ca-signature',
        )
  })
})

describe('a device that says no id and may be one of several is none of them', () => {
  const pair = (rest: Partial<KnownDevice> = {}) => [knownDevice('switch1', rest), knownDevice('switch2', rest)]

  it.each<[string, () => Promise<{ blob: Buffer; known: readonly KnownDevice[]; knownHosts: readonly string[] }>]>([
    [
      'by its pinned key',
      () => Promise.resolve({ blob: key.publicKey.blob, known: pair({ pins: [key.publicKey] }), knownHosts: [] }),
    ],
    [
      'by its principals',
      async () => ({ blob: await certified('test', 'switch1,switch2'), known: pair(), knownHosts: [trustedCa()] }),
    ],
    [
      'by an alias that both have',
      async () => ({
        blob: await certified('test', 'both'),
        known: pair({ aliases: ['both'] }),
        knownHosts: [trustedCa()],
      }),
    ],
    [
      'by known_hosts',
      () =>
        Promise.resolve({
          blob: key.publicKey.blob,
          known: pair(),
          knownHosts: [knownHostsLine(['switch*'], key.publicKey)],
        }),
    ],
  ])('%s', async (_how, situation) => {
    const { blob, known, knownHosts } = await situation()
    for (const firstUse of ['refuse', 'pend', 'accept'] as const) {
      const verdict = judged(blob, known, { knownHosts, firstUse })
      expect(verdict).toMatchObject({ trusted: false, reason: 'ambiguous-host-key' })
      expect(verdict.deviceId).toBeUndefined()
      expect(toldBy(verdict)).toContain('switch1, switch2')
      expect(toldBy(verdict)).toContain(fingerprint)
    }
  })
})
