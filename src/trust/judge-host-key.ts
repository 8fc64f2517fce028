import { fingerprintOf, keyTypeOf, publicKeyLine } from '../ssh/public-key.js'
import type { Claim } from './claim.js'
import { hmacVouches } from './initiation-hmac.js'
import type { KnownDevice } from './known-device.js'

export type VerdictReason =
  | 'unknown-device'
  | 'unknown-host-key'
  | 'ambiguous-host-key'
  | 'missing-hmac'
  | 'wrong-hmac'
  | 'announced-key-not-presented'
  | 'host-key-not-pinned'
  | 'nothing-proves-it'

/** Whether a host key that key exchange has proven makes a claim an identity, and why or why not. */
export type Verdict =
  | { readonly trusted: true; readonly deviceId: string; readonly because: 'pin' | 'hmac' | 'pin-and-hmac' }
  | {
      readonly trusted: false
      readonly reason: VerdictReason
      readonly deviceId?: string
      readonly message: string
      readonly hint: string
    }

type Refusal = Extract<Verdict, { trusted: false }>

/**
 * Judges the host key that a device proved in key exchange (RFC 8071 §3.1 C5), by its pins and by the HMAC of its secret.
 * A device id alone proves nothing. Whatever is configured for a device must hold: a secret asks for a fitting HMAC, pins for one of those keys.
 * @param key the public key blob from key exchange
 */
export function judgeHostKey(claim: Claim, key: Buffer, known: readonly KnownDevice[]): Verdict {
  const found = findDevice(claim, key, known)
  if ('trusted' in found) return found
  const device = found
  const vouched = device.secret === undefined ? undefined : judgeHmac(claim, key, device.id, device.secret)
  if (vouched !== undefined && vouched !== 'vouched') return vouched
  const pinned = device.pins.some((pin) => pin.blob.equals(key))
  if (device.pins.length > 0 && !pinned)
    return refuse('host-key-not-pinned', device.id, {
      message: `presented ${described(key)}, which is not among its configured host-keys`,
      hint: 'if the device was replaced or got a new key, compare the fingerprint with the device and put the new key into its host-keys; otherwise someone else claims this device id',
    })
  if (pinned) return { trusted: true, deviceId: device.id, because: vouched === undefined ? 'pin' : 'pin-and-hmac' }
  if (vouched === 'vouched') return { trusted: true, deviceId: device.id, because: 'hmac' }
  return refuse('nothing-proves-it', device.id, {
    message: `neither a secret nor host-keys are configured for it; it presented ${described(key)}`,
    hint: `compare the fingerprint with the device, then add the key to its host-keys: ${publicKeyLine({ type: keyTypeOf(key) ?? 'unknown', blob: key })}`,
  })
}

function findDevice(claim: Claim, key: Buffer, known: readonly KnownDevice[]): KnownDevice | Refusal {
  if (claim.form !== 'none') {
    const device = known.find(({ id }) => claim.deviceIds.includes(id))
    if (device !== undefined) return device
    return refuse('unknown-device', claim.deviceIds[0], {
      message: `no device of this id is configured; it presented ${described(key)}`,
      hint: 'add it under `devices` with its secret or its host-keys',
    })
  }
  const owners = known.filter(({ pins }) => pins.some((pin) => pin.blob.equals(key)))
  const [owner, another] = owners
  if (owner === undefined)
    return refuse('unknown-host-key', undefined, {
      message: `sent no initiation sequence, and ${described(key)} is no configured device's host key`,
      hint: `if it is yours, add the key to the device's host-keys: ${publicKeyLine({ type: keyTypeOf(key) ?? 'unknown', blob: key })}`,
    })
  if (another !== undefined)
    return refuse('ambiguous-host-key', undefined, {
      message: `sent no initiation sequence, and ${described(key)} is the host key of ${owners.map(({ id }) => id).join(', ')}`,
      hint: 'give each device its own host key',
    })
  return owner
}

function judgeHmac(claim: Claim, key: Buffer, deviceId: string, secret: string): 'vouched' | Refusal {
  const { hostKey, hmac } = claim.form === 'junos' ? claim : {}
  if (hostKey === undefined || hmac === undefined)
    return refuse('missing-hmac', deviceId, {
      message: 'a secret is configured for it, but its initiation sequence has no HOST-KEY and HMAC',
      hint: 'set the same secret on the device (`set system services outbound-ssh client … secret`), or take it out of the configuration',
    })
  if (!hmacVouches(secret, publicKeyLine(hostKey), hmac))
    return refuse('wrong-hmac', deviceId, {
      message: 'the HMAC of its initiation sequence does not fit its configured secret',
      hint: 'the secret on the device and the one configured here differ; set both anew',
    })
  if (!hostKey.blob.equals(key))
    return refuse('announced-key-not-presented', deviceId, {
      message: `announced ${described(hostKey.blob)}, but proved ${described(key)} in key exchange`,
      hint: 'the initiation sequence may be a replayed one; nothing is to be done unless the device itself is refused again and again',
    })
  return 'vouched'
}

function described(key: Buffer): string {
  return `${keyTypeOf(key) ?? 'an unreadable key'} ${fingerprintOf(key)}`
}

function refuse(
  reason: VerdictReason,
  deviceId: string | undefined,
  { message, hint }: { readonly message: string; readonly hint: string },
): Refusal {
  return { trusted: false, reason, ...(deviceId === undefined ? {} : { deviceId }), message, hint }
}
