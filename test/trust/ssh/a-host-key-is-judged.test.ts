import { describe, expect, it } from 'vitest'
import { fingerprintOf, publicKeyLine } from '../../../src/ssh/public-key.js'
import type { Claim } from '../../../src/trust/claim.js'
import { initiationHmac } from '../../../src/trust/ssh/initiation-hmac.js'
import { judgeHostKey, type Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import type { KnownDevice } from '../../../src/trust/known-device.js'
import type { FirstUse } from '../../../src/trust/trust-anchors.js'
import { hostKey } from '../support/host-keys.js'
import { anchorsWith, knownDevice, toldBy, wordOf } from '../support/known-devices.js'
import { createKnownDevices } from '../../../src/trust/known-devices.js'

const secret = 'very-secret-9876'
const presented = hostKey(1)
const other = hostKey(2)

const pinsBy = { none: [], match: [other, presented], other: [other] } as const
const claimBy = {
  none: {},
  'key alone': { hostKey: presented },
  'hmac alone': { hmac: initiationHmac(secret, publicKeyLine(presented)) },
  right: { hostKey: presented, hmac: initiationHmac(secret, publicKeyLine(presented)) },
  'right, in upper case': {
    hostKey: presented,
    hmac: initiationHmac(secret, publicKeyLine(presented)).toUpperCase(),
  },
  wrong: { hostKey: presented, hmac: initiationHmac('guessed', publicKeyLine(presented)) },
  'for another key': { hostKey: other, hmac: initiationHmac(secret, publicKeyLine(other)) },
  'of another key beside this one': { hostKey: presented, hmac: initiationHmac(secret, publicKeyLine(other)) },
} as const

const junos = (announced: keyof typeof claimBy): Claim => ({
  form: 'junos',
  deviceIds: ['router1'],
  ...claimBy[announced],
})

/** What is judged where neither known_hosts nor revocations say anything. */
const judge = (claim: Claim, blob: Buffer, known: readonly KnownDevice[], firstUse: FirstUse = 'refuse'): Verdict =>
  judgeHostKey({
    claim,
    presented: blob,
    known: createKnownDevices(known),
    anchors: anchorsWith({ firstUse }),
    now: new Date(),
  })

type Row = readonly [
  secret: boolean,
  pins: keyof typeof pinsBy,
  announced: keyof typeof claimBy,
  word: ReturnType<typeof wordOf>,
]

const everyAnnouncement = Object.keys(claimBy) as (keyof typeof claimBy)[]

const rows: readonly Row[] = [
  // Without a secret only the pins count, whatever is announced.
  ...everyAnnouncement.flatMap((announced): Row[] => [
    [false, 'none', announced, 'nothing-proves-it'],
    [false, 'match', announced, 'trusted by pin'],
    [false, 'other', announced, 'host-key-not-pinned'],
  ]),
  // With a secret the HMAC must fit, whatever is pinned.
  ...(['none', 'match', 'other'] as const).flatMap((pins): Row[] => [
    [true, pins, 'none', 'missing-hmac'],
    [true, pins, 'key alone', 'missing-hmac'],
    [true, pins, 'hmac alone', 'missing-hmac'],
    [true, pins, 'wrong', 'wrong-hmac'],
    [true, pins, 'of another key beside this one', 'wrong-hmac'],
    [true, pins, 'for another key', 'announced-key-not-presented'],
  ]),
  ...(['right', 'right, in upper case'] as const).flatMap((announced): Row[] => [
    [true, 'none', announced, 'trusted by hmac'],
    [true, 'match', announced, 'trusted by pin'],
    [true, 'other', announced, 'host-key-not-pinned'],
  ]),
]

describe('the host key of a device that claims an id', () => {
  it.each(rows)('with a secret: %s, pins: %s, HMAC: %s: %s', (hasSecret, pins, announced, word) => {
    const known: KnownDevice[] = [
      knownDevice('router0', { pins: [presented], secret: 'another-secret-5432' }),
      knownDevice('router1', { pins: pinsBy[pins], ...(hasSecret ? { secret } : {}) }),
    ]
    const verdict = judge(junos(announced), presented.blob, known)
    expect(wordOf(verdict)).toBe(word)
    expect(verdict.deviceId).toBe('router1')
    // Only what nothing but its HMAC vouched for needs to be kept.
    if (verdict.trusted) return expect(verdict.pin).toBe(verdict.because === 'hmac')
    expect(verdict.message).not.toBe('')
    expect(verdict.hint).not.toBe('')
    // An HMAC is a secret as well: whoever has it may claim the id.
    const told = toldBy(verdict)
    expect(told).not.toContain(secret)
    for (const { hmac } of [claimBy.right, claimBy.wrong, claimBy['for another key']])
      expect(told.toLowerCase()).not.toContain(hmac)
  })

  it('whose id is not configured is told with the fingerprint', () => {
    expect(judge(junos('right'), presented.blob, [knownDevice('Router1', { pins: [presented] })])).toMatchObject({
      trusted: false,
      reason: 'unknown-device',
      deviceId: 'router1',
      message: expect.stringContaining(`ssh-ed25519 ${fingerprintOf(presented.blob)}`) as string,
    })
  })

  it('which nothing proves is told with the line to configure', () => {
    expect(judge(junos('none'), presented.blob, [knownDevice('router1', { pins: [] })])).toMatchObject({
      reason: 'nothing-proves-it',
      hint: `compare the fingerprint with the device, then add it under \`devices\` with \`host-keys: ["${publicKeyLine(presented)}"]\``,
    })
  })

  it('which is another than was announced is told with both fingerprints', () => {
    const verdict = judge(junos('for another key'), presented.blob, [knownDevice('router1', { pins: [], secret })])
    expect(verdict.trusted ? '' : verdict.message).toContain(fingerprintOf(presented.blob))
    expect(verdict.trusted ? '' : verdict.message).toContain(fingerprintOf(other.blob))
  })

  describe('which is another than the pinned one, with a right HMAC,', () => {
    const bound = { pins: [other], secret }
    const judged = (
      device: Partial<KnownDevice>,
      anchors: Parameters<typeof anchorsWith>[0],
      more: readonly KnownDevice[] = [],
    ): Verdict =>
      judgeHostKey({
        claim: junos('right'),
        presented: presented.blob,
        known: createKnownDevices([knownDevice('router1', device), ...more]),
        anchors: anchorsWith(anchors),
        now: new Date(),
      })

    it('is refused, and it is told that the HMAC is right and what would let it decide', () => {
      for (const anchors of [{}, { hmac: 'keeps-pins' }] as const) {
        const verdict = judged(bound, anchors)
        expect(wordOf(verdict)).toBe('host-key-not-pinned')
        expect(toldBy(verdict)).toMatch(/the HMAC of its secret is right for this key\n/)
        expect(toldBy(verdict)).toMatch(/devices repin .*; with `trust\.hmac: replaces-pins` the HMAC alone decides/)
      }
      expect(toldBy(judged({ pins: [other] }, {}))).not.toMatch(/HMAC/)
    })

    it('replaces the pin where that is allowed', () => {
      expect(judged(bound, { hmac: 'replaces-pins' })).toEqual({
        trusted: true,
        deviceId: 'router1',
        because: 'hmac',
        pin: true,
      })
    })

    it.each<[string, Partial<KnownDevice>, Parameters<typeof anchorsWith>[0], readonly KnownDevice[], string]>([
      ['that the configuration file has', { ...bound, pinnedByFile: true }, {}, [], 'host-key-not-pinned'],
      [
        'beside one of known_hosts',
        bound,
        { knownHosts: [`router1 ${publicKeyLine(other)}`] },
        [],
        'host-key-not-pinned',
      ],
      ['where another has the same secret', bound, {}, [knownDevice('router2', { secret })], 'shared-secret'],
      ['without a secret', { pins: [other] }, {}, [], 'host-key-not-pinned'],
      ['of a device that was rejected', { ...bound, rejected: true }, {}, [], 'rejected'],
      ['by a key that is revoked', bound, { knownHosts: [`@revoked * ${publicKeyLine(presented)}`] }, [], 'revoked'],
    ])('does not replace one %s', (_what, device, anchors, more, word) => {
      const verdict = judged(device, { ...anchors, hmac: 'replaces-pins' }, more)
      expect(wordOf(verdict)).toBe(word)
      expect(toldBy(verdict)).not.toMatch(/replaces-pins/)
    })

    it.each(['none', 'hmac alone', 'wrong', 'for another key'] as const)(
      'is not replaced by an HMAC that proves nothing: %s',
      (announced) => {
        const verdict = judgeHostKey({
          claim: junos(announced),
          presented: presented.blob,
          known: createKnownDevices([knownDevice('router1', bound)]),
          anchors: anchorsWith({ hmac: 'replaces-pins' }),
          now: new Date(),
        })
        expect(verdict.trusted).toBe(false)
      },
    )
  })

  it('that cannot be read is refused like any other', () => {
    const verdict = judge(junos('none'), Buffer.from('??'), [knownDevice('router1', { pins: [presented] })])
    expect(verdict).toMatchObject({
      reason: 'host-key-not-pinned',
      message: expect.stringMatching(/an unreadable key SHA256:/) as string,
    })
  })
})

describe('the host key of a device that sends no initiation sequence', () => {
  const claim: Claim = { form: 'none', deviceIds: [] }

  it('that nobody owns is refused with the line to configure', () => {
    expect(judge(claim, presented.blob, [knownDevice('router1', { pins: [other] })])).toEqual({
      trusted: false,
      reason: 'unknown-host-key',
      message: expect.stringContaining(fingerprintOf(presented.blob)) as string,
      hint: expect.stringContaining(publicKeyLine(presented)) as string,
    })
    expect(wordOf(judge(claim, presented.blob, []))).toBe('unknown-host-key')
  })

  it('that one device owns makes it that device', () => {
    const known = [knownDevice('router1', { pins: [other] }), knownDevice('router2', { pins: [other, presented] })]
    expect(judge(claim, presented.blob, known)).toEqual({
      trusted: true,
      deviceId: 'router2',
      because: 'pin',
      pin: false,
    })
  })

  it('that two devices own makes it neither', () => {
    const known = [knownDevice('router1', { pins: [presented] }), knownDevice('router2', { pins: [presented] })]
    const verdict = judge(claim, presented.blob, known)
    expect(verdict).toMatchObject({ trusted: false, reason: 'ambiguous-host-key' })
    expect(verdict.deviceId).toBeUndefined()
    expect(verdict.trusted ? '' : verdict.message).toContain('router1, router2')
  })

  it('is not enough for a device that has a secret', () => {
    expect(judge(claim, presented.blob, [knownDevice('router1', { pins: [presented], secret })])).toMatchObject({
      reason: 'missing-hmac',
      deviceId: 'router1',
    })
  })
})

describe('the host key of a Calix device', () => {
  const claim: Claim = { form: 'calix', deviceIds: ['071904926728', '00:02:5d:d9:21:5e'] }

  it.each([['071904926728'], ['00:02:5d:d9:21:5e']])('is judged by the pins of the id that is configured: %s', (id) => {
    expect(judge(claim, presented.blob, [knownDevice(id, { pins: [presented] })])).toEqual({
      trusted: true,
      deviceId: id,
      because: 'pin',
      pin: false,
    })
    expect(judge(claim, presented.blob, [knownDevice(id, { pins: [other] })])).toMatchObject({
      reason: 'host-key-not-pinned',
      deviceId: id,
    })
  })

  it('is not enough where a secret is configured, for it sends no HMAC', () => {
    expect(judge(claim, presented.blob, [knownDevice('071904926728', { pins: [presented], secret })])).toMatchObject({
      reason: 'missing-hmac',
    })
  })

  it('is that of an unknown device where neither id is configured', () => {
    expect(judge(claim, presented.blob, [knownDevice('router1', { pins: [presented] })])).toMatchObject({
      reason: 'unknown-device',
      deviceId: '071904926728',
    })
  })
})
