import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { knownHostsLine } from '../../../src/ssh/known-hosts.js'
import type { Certificate } from '../../../src/ssh/certificate.js'
import { publicKeyLine } from '../../../src/ssh/public-key.js'
import { nothingRevoked } from '../../../src/ssh/revocation.js'
import type { Claim } from '../../../src/trust/claim.js'
import { initiationHmac } from '../../../src/trust/ssh/initiation-hmac.js'
import { judgeHostKey } from '../../../src/trust/ssh/judge-host-key.js'
import type { FirstUse } from '../../../src/trust/trust-anchors.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { hostKey } from '../support/host-keys.js'
import { anchorsWith, knownDevice, toldBy, wordOf } from '../support/known-devices.js'
import { createKnownDevices } from '../../../src/trust/known-devices.js'

const secret = 'very-secret-9876'
const other = hostKey(2)

let room: KeyRoom
let ca: KeyPair
let key: KeyPair
let certificates: Readonly<Record<(typeof certificateStates)[number], Certificate | undefined>>
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  key = await room.key('router')
  const certify = (by: KeyPair, ...options: readonly string[]) =>
    room.certify(by, key, ['-h', '-n', 'router1', ...options])
  certificates = {
    none: undefined,
    good: await certify(ca, '-V', '-1m:+1h'),
    expired: await certify(ca, '-V', '-2h:-1h'),
    'of another CA': await certify(await room.key('other-ca'), '-V', '-1m:+1h'),
  }
})
afterAll(() => room.remove())

const turnedAway = ['by nobody', 'by an operator', 'by a revocation', 'by both'] as const
const hmacs = ['not configured', 'missing', 'wrong', 'for another key', 'right'] as const
const certificateStates = ['none', 'good', 'expired', 'of another CA'] as const
const bindings = ['none', 'this key', 'another key', 'both'] as const
const policies: readonly FirstUse[] = ['refuse', 'pend', 'accept']

interface Situation {
  readonly away: (typeof turnedAway)[number]
  readonly hmac: (typeof hmacs)[number]
  readonly certificate: (typeof certificateStates)[number]
  readonly pins: (typeof bindings)[number]
  readonly knownHosts: (typeof bindings)[number]
  readonly firstUse: FirstUse
}

/** What decides, the first that applies; the verdict's word. */
const precedence: readonly (readonly [applies: (situation: Situation) => boolean, word: string])[] = [
  [({ away }) => away === 'by a revocation' || away === 'by both', 'revoked'],
  [({ away }) => away === 'by an operator', 'rejected'],
  [({ hmac }) => hmac === 'missing', 'missing-hmac'],
  [({ hmac }) => hmac === 'wrong', 'wrong-hmac'],
  [({ hmac }) => hmac === 'for another key', 'announced-key-not-presented'],
  [({ certificate }) => certificate === 'good', 'trusted by certificate'],
  [({ pins }) => pins === 'this key' || pins === 'both', 'trusted by pin'],
  [({ knownHosts }) => knownHosts === 'this key' || knownHosts === 'both', 'trusted by known-hosts'],
  [({ pins, knownHosts }) => pins !== 'none' || knownHosts !== 'none', 'host-key-not-pinned'],
  [({ certificate }) => certificate === 'expired', 'certificate-expired'],
  [({ hmac }) => hmac === 'right', 'trusted by hmac'],
  [({ firstUse }) => firstUse === 'accept', 'trusted by first-use'],
  [({ firstUse }) => firstUse === 'pend', 'pending'],
  [() => true, 'nothing-proves-it'],
]

function judged({ away, hmac, certificate, pins, knownHosts, firstUse }: Situation) {
  const bound = { none: [], 'this key': [key.publicKey], 'another key': [other], both: [other, key.publicKey] }
  const announced = hmac === 'for another key' ? other : key.publicKey
  const hmacOf = (by: string) => initiationHmac(by, publicKeyLine(announced))
  const claim: Claim = {
    form: 'junos',
    deviceIds: ['router1'],
    ...(hmac === 'missing' ? {} : { hostKey: announced, hmac: hmacOf(hmac === 'wrong' ? 'guessed' : secret) }),
  }
  const known = [
    // Another device of which more is known changes nothing.
    knownDevice('router0', { pins: [hostKey(3)], secret: 'another-secret-5432' }),
    knownDevice('router1', {
      pins: bound[pins],
      rejected: away === 'by an operator' || away === 'by both',
      ...(hmac === 'not configured' ? {} : { secret }),
    }),
  ]
  const revoked = away === 'by a revocation' || away === 'by both'
  const anchors = anchorsWith({
    knownHosts: [
      knownHostsLine(['*'], ca.publicKey, 'cert-authority'),
      ...bound[knownHosts].map((listed) => knownHostsLine(['router1'], listed)),
    ],
    revocations: { ...nothingRevoked, keys: revoked ? [key.publicKey.blob] : [] },
    firstUse,
  })
  const presented = certificates[certificate]?.blob ?? key.publicKey.blob
  const verdict = judgeHostKey({ claim, presented, known: createKnownDevices(known), anchors, now: new Date() })
  return { verdict, secrets: [secret, 'another-secret-5432', hmacOf(secret), hmacOf('guessed')] }
}

describe('of all that speaks for and against a device', () => {
  const rows = turnedAway.flatMap((away) => hmacs.map((hmac) => ({ away, hmac })))

  it.each(rows)('turned away $away, its HMAC $hmac: the first in order decides', ({ away, hmac }) => {
    let situations = 0
    for (const certificate of certificateStates)
      for (const pins of bindings)
        for (const knownHosts of bindings)
          for (const firstUse of policies) {
            const situation: Situation = { away, hmac, certificate, pins, knownHosts, firstUse }
            const told = JSON.stringify(situation)
            const { verdict, secrets } = judged(situation)
            const [, word] = precedence.find(([applies]) => applies(situation)) ?? []
            expect(wordOf(verdict), told).toBe(word)
            expect(verdict.deviceId, told).toBe('router1')
            // What is kept is what the next call could not be judged by otherwise.
            if (verdict.trusted) expect(verdict.pin, told).toBe(['hmac', 'first-use'].includes(verdict.because))
            else {
              expect(verdict.message, told).not.toBe('')
              expect(verdict.hint, told).not.toBe('')
            }
            for (const word of secrets) expect(toldBy(verdict).toLowerCase(), told).not.toContain(word)
            situations += 1
          }
    expect(situations).toBe(certificateStates.length * bindings.length * bindings.length * policies.length)
  })
})
