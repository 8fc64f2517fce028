import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashedKnownHostsLine, knownHostsLine } from '../../src/ssh/known-hosts.js'
import { fingerprintOf } from '../../src/ssh/public-key.js'
import type { Claim } from '../../src/trust/claim.js'
import { initiationHmac } from '../../src/trust/ssh/initiation-hmac.js'
import { judgeHostKey } from '../../src/trust/ssh/judge-host-key.js'
import type { KnownDevice } from '../../src/trust/known-device.js'
import type { FirstUse } from '../../src/trust/trust-anchors.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { compareHashedNames } from '../../src/trust/ssh/known-hosts-for.js'
import { wantedHostKeys } from '../../src/trust/ssh/wanted-host-keys.js'
import { LONGEST_TURN, leastOfTurns, measureLoopTurns } from '../support/loop-turn.js'
import { anchorsWith, knownDevice, wordOf } from './support/known-devices.js'
import { createKnownDevices } from '../../src/trust/known-devices.js'

const silent: Claim = { form: 'none', deviceIds: [] }
let room: KeyRoom
let ca: KeyPair
let key: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  key = await room.key('device')
})
afterAll(() => room.remove())

const certified = async (principals: string, options: readonly string[] = ['-h']): Promise<Buffer> =>
  (await room.certify(ca, key, ['-I', 'any', '-n', principals, '-V', '-1m:+1h', ...options])).blob
const caFor = (pattern: string): string => knownHostsLine([pattern], ca.publicKey, 'cert-authority')
const judged = (
  claim: Claim,
  blob: Buffer,
  known: readonly KnownDevice[],
  knownHosts: readonly string[],
  firstUse: FirstUse = 'pend',
) =>
  judgeHostKey({
    claim,
    presented: blob,
    known: createKnownDevices(known),
    anchors: anchorsWith({ knownHosts, firstUse }),
    now: new Date(),
  })

describe('the name in a certificate gives a device without an id its name only', () => {
  const fingerprint = (): string => fingerprintOf(key.publicKey.blob)

  it('if the CA’s signature holds', async () => {
    const forged = Buffer.from(await certified('router1'))
    forged.writeUInt8((forged.at(-1) ?? 0) ^ 1, forged.length - 1)
    for (const firstUse of ['pend', 'accept'] as const) {
      const verdict = judged(silent, forged, [knownDevice('router1')], [caFor('*')], firstUse)
      expect(verdict).toMatchObject({ trusted: false, deviceId: fingerprint() })
    }
  })

  it('if it is a host certificate', async () => {
    const verdict = judged(silent, await certified('router1', []), [knownDevice('router1')], [caFor('*')])
    expect(verdict).toMatchObject({ trusted: false, deviceId: fingerprint() })
  })

  it('if the CA may certify that name', async () => {
    const blob = await certified('router1')
    expect(judged(silent, blob, [], [caFor('switch*')])).toMatchObject({ trusted: false, deviceId: fingerprint() })
    expect(judged(silent, blob, [], [caFor('router*')])).toMatchObject({ trusted: true, deviceId: 'router1' })
  })

  it.each(['a'.repeat(256), 'evil\u001b[2J', '..'])('if it is usable as a device id, which %j is not', async (name) => {
    const verdict = judged(silent, await certified(name), [], [caFor('*')])
    expect(verdict).toMatchObject({ reason: 'certificate-bad-device-id', deviceId: fingerprint() })
  })
})

describe('what known_hosts excludes by ! it excludes', () => {
  const claim: Claim = { form: 'junos', deviceIds: ['router1'] }
  it.each([
    ['for a plain key', () => knownHostsLine(['*', '!router1'], key.publicKey)],
    ['for a plain key with its port', () => knownHostsLine(['*', '![router1]:830'], key.publicKey)],
    ['for a CA', () => caFor('*,!router1')],
  ])('%s, under whichever name', async (_name, line) => {
    const known = [knownDevice('router1', { aliases: ['edge1'] })]
    expect(wordOf(judged(claim, await certified('router1,edge1'), known, [line()]))).toBe('pending')
  })
})

describe('devices that share a secret', () => {
  const secret = 'shared'
  const known = (): KnownDevice[] => [knownDevice('router1', { secret }), knownDevice('router2', { secret })]
  const claim = (): Claim => ({
    form: 'junos',
    deviceIds: ['router1'],
    hostKey: key.publicKey,
    hmac: initiationHmac(secret, key.line.split(' ').slice(0, 2).join(' ')),
  })

  it('are not told apart by the HMAC alone', () => {
    expect(wordOf(judged(claim(), key.publicKey.blob, known(), []))).toBe('shared-secret')
  })

  it('are by a certificate or known_hosts', async () => {
    expect(wordOf(judged(claim(), await certified('router1'), known(), [caFor('*')]))).toBe('trusted by certificate')
    const line = knownHostsLine(['router1'], key.publicKey)
    expect(wordOf(judged(claim(), key.publicKey.blob, known(), [line]))).toBe('trusted by known-hosts')
  })
})

describe('a revoked key', () => {
  it('is known again when its numbers are written with more octets', async () => {
    const rsa = await room.key('revoked', 'rsa')
    const line = knownHostsLine(['*'], rsa.publicKey, 'revoked')
    const padded = withLeadingZero(rsa.publicKey.blob)
    expect(wordOf(judged({ form: 'junos', deviceIds: ['router1'] }, padded, [], [line]))).toBe('revoked')
  })
})

/** The same RSA key, with one more zero before its modulus. */
function withLeadingZero(blob: Buffer): Buffer {
  const exponentAt = 4 + blob.readUInt32BE(0)
  const modulusAt = exponentAt + 4 + blob.readUInt32BE(exponentAt)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(blob.readUInt32BE(modulusAt) + 1)
  return Buffer.concat([blob.subarray(0, modulusAt), length, Buffer.from([0]), blob.subarray(modulusAt + 4)])
}

describe('what a stranger presents costs little with a large hashed known_hosts', () => {
  const hosts = 10_000
  const large = (): string[] => {
    const line = hashedKnownHostsLine('other', key.publicKey)
    return Array.from({ length: hosts }, () => line)
  }

  it('a certificate of 256 principals, by a CA that nobody trusts', async () => {
    const principals = Array.from({ length: 256 }, (_, at) => `router${at}`).join(',')
    const blob = await certified(principals)
    const stranger = await room.key('stranger')
    const turn = await leastOfTurns(async () => {
      // Read anew in each run: what was compared once is remembered.
      const { knownHosts } = anchorsWith({
        knownHosts: [...large(), knownHostsLine(['*'], stranger.publicKey, 'cert-authority')],
      })
      const anchors = { ...anchorsWith(), knownHosts }
      const turns = measureLoopTurns()
      await setImmediate()
      const known = createKnownDevices([])
      const verdict = judgeHostKey({ claim: silent, presented: blob, known, anchors, now: new Date() })
      await setImmediate()
      expect(verdict).toMatchObject({ trusted: false })
      return turns.stop()
    })
    expect(turn).toBeLessThan(LONGEST_TURN)
  })

  it('a device id that nobody has heard of', async () => {
    const claim: Claim = { form: 'junos', deviceIds: ['never-heard-of'] }
    const turn = await leastOfTurns(async () => {
      const { knownHosts } = anchorsWith({ knownHosts: large() })
      const turns = measureLoopTurns()
      await setImmediate()
      await compareHashedNames(knownHosts, claim.deviceIds)
      wantedHostKeys(claim, createKnownDevices([]), { ...anchorsWith(), knownHosts })
      judgeHostKey({
        claim,
        presented: key.publicKey.blob,
        known: createKnownDevices([]),
        anchors: { ...anchorsWith(), knownHosts },
        now: new Date(),
      })
      await setImmediate()
      return turns.stop()
    })
    expect(turn).toBeLessThan(LONGEST_TURN)
  })
})
