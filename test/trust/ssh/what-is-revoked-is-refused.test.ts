import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, certificateLine } from '../../../src/ssh/certificate.js'
import { knownHostsLine } from '../../../src/ssh/known-hosts.js'
import { publicKeyLine } from '../../../src/ssh/public-key.js'
import { nothingRevoked, type Revocations } from '../../../src/ssh/revocation.js'
import { parseRevocations } from '../../../src/ssh/revocation-file.js'
import type { Claim } from '../../../src/trust/claim.js'
import { initiationHmac } from '../../../src/trust/ssh/initiation-hmac.js'
import { judgeHostKey, type Verdict } from '../../../src/trust/ssh/judge-host-key.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { hostKey } from '../support/host-keys.js'
import { anchorsWith, knownDevice, toldBy, wordOf } from '../support/known-devices.js'
import { createKnownDevices } from '../../../src/trust/known-devices.js'

const secret = 'very-secret-9876'

let room: KeyRoom
let ca: KeyPair
let key: KeyPair
let certificate: Certificate
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  key = await room.key('router')
  certificate = await room.certify(ca, key, ['-h', '-n', 'router1', '-z', '7', '-V', '-1m:+1h'])
})
afterAll(() => room.remove())

const named = (): Claim => ({
  form: 'junos',
  deviceIds: ['router1'],
  hostKey: key.publicKey,
  hmac: initiationHmac(secret, publicKeyLine(key.publicKey)),
})
const nobody: Claim = { form: 'none', deviceIds: [] }

/** Judges a key for which everything speaks that can: certificate, pin, known_hosts, HMAC and first use. */
function judged(
  presented: Buffer,
  { claim = named(), lines = [] as readonly string[], revocations = nothingRevoked } = {},
): Verdict {
  const anchors = anchorsWith({
    knownHosts: [
      ...lines,
      knownHostsLine(['*'], ca.publicKey, 'cert-authority'),
      knownHostsLine(['router1'], key.publicKey),
    ],
    revocations,
    firstUse: 'accept',
  })
  const device = knownDevice('router1', { pins: [key.publicKey], ...(claim.form === 'junos' ? { secret } : {}) })
  return judgeHostKey({ claim, presented, known: createKnownDevices([device]), anchors, now: new Date() })
}

async function revokedBy(text: string): Promise<Revocations> {
  const parsed = parseRevocations(Buffer.from(text))
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.revocations
}

/** A key revocation list as ssh-keygen makes it. */
async function krlOf(text: string): Promise<Revocations> {
  const [spec, list] = [await room.write('spec', text), join(room.directory, 'krl')]
  await room.run('-q', '-k', '-f', list, '-s', `${ca.path}.pub`, spec)
  const parsed = parseRevocations(await readFile(list))
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.revocations
}

const ofTheKey: readonly (readonly [what: string, text: () => string, part: string])[] = [
  ['the key', () => key.line, 'the key'],
  ['the fingerprint of the key', () => `sha256: ${key.line}`, 'the key'],
]
const ofTheCertificate: readonly (readonly [what: string, text: () => string, part: string])[] = [
  ...ofTheKey,
  ['the CA', () => ca.line, 'its CA'],
  ['the serial', () => 'serial: 7', 'its serial 7'],
  ['a range of serials', () => 'serial: 5-9', 'its serial 7'],
  ['the key id', () => 'id: test', 'its key id "test"'],
  ['the certificate', () => certificateLine(certificate), 'its serial 7'],
]

describe('whatever else vouches for it', () => {
  it('nothing is refused while nothing is revoked', () => {
    expect(wordOf(judged(certificate.blob))).toBe('trusted by certificate')
    expect(wordOf(judged(key.publicKey.blob))).toBe('trusted by pin')
  })

  it.each(ofTheCertificate)('a certificate is refused where a list has %s', async (_what, text, part) => {
    for (const revocations of [await revokedBy(text()), await krlOf(text())])
      for (const claim of [named(), nobody]) {
        const verdict = judged(certificate.blob, { claim, revocations })
        expect(verdict).toMatchObject({ trusted: false, reason: 'revoked', deviceId: 'router1' })
        expect(toldBy(verdict)).toContain(`of which ${part} is revoked`)
        expect(toldBy(verdict)).not.toContain(secret)
      }
  })

  it.each(ofTheKey)('a plain key is refused where a list has %s', async (_what, text, part) => {
    for (const revocations of [await revokedBy(text()), await krlOf(text())]) {
      const verdict = judged(key.publicKey.blob, { revocations })
      expect(verdict).toMatchObject({ trusted: false, reason: 'revoked', deviceId: 'router1' })
      expect(toldBy(verdict)).toContain(`of which ${part} is revoked`)
    }
  })

  it.each([
    ['its own host', 'router1'],
    ['every host', '*'],
    ['another host', 'elsewhere.example.net'],
    ['another port', '[router1]:2222'],
  ])('what is @revoked for %s is refused, the key and the CA', (_which, name) => {
    const theKey = [knownHostsLine([name], key.publicKey, 'revoked')]
    const theCa = [knownHostsLine([name], ca.publicKey, 'revoked')]
    expect(wordOf(judged(key.publicKey.blob, { lines: theKey }))).toBe('revoked')
    expect(toldBy(judged(certificate.blob, { lines: theKey }))).toContain('of which the key is revoked')
    expect(toldBy(judged(certificate.blob, { lines: theCa }))).toContain('of which its CA is revoked')
    // The plain key has no CA.
    expect(wordOf(judged(key.publicKey.blob, { lines: theCa }))).toBe('trusted by pin')
  })
})

describe('what is not meant by a revocation', () => {
  it.each([
    ['another key', () => publicKeyLine(hostKey(1))],
    ['serials before', () => 'serial: 1-6'],
    ['serials after', () => 'serial: 8-99'],
    ['another key id', () => 'id: tes'],
  ])('is not refused: %s', async (_what, text) => {
    for (const revocations of [await revokedBy(text()), await krlOf(text())])
      expect(wordOf(judged(certificate.blob, { revocations }))).toBe('trusted by certificate')
  })

  it('is not refused: a serial or a key id of another CA', async () => {
    const { blob } = (await room.key('other-ca')).publicKey
    for (const text of ['serial: 7', 'id: test']) {
      const parsed = parseRevocations(Buffer.from(text), blob)
      const revocations = parsed.ok ? parsed.revocations : nothingRevoked
      expect(wordOf(judged(certificate.blob, { revocations }))).toBe('trusted by certificate')
    }
  })
})

describe('an unknown device with a revoked key', () => {
  it.each<[string, Claim]>([
    ['that claims an id', { form: 'junos', deviceIds: ['router9'] }],
    ['that claims none', nobody],
  ])('%s is refused and neither pends nor is believed', (_which, claim) => {
    for (const firstUse of ['refuse', 'pend', 'accept'] as const) {
      const anchors = anchorsWith({ knownHosts: [knownHostsLine(['x'], key.publicKey, 'revoked')], firstUse })
      const presented = key.publicKey.blob
      const verdict = judgeHostKey({ claim, presented, known: createKnownDevices([]), anchors, now: new Date() })
      expect(wordOf(verdict)).toBe('revoked')
    }
  })
})
