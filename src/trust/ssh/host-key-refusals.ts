import { homeportCommand } from '../../lib/shell-word.js'
import { type ReasonOf, type RefusalEntry, refusalsBy } from '../../lib/refusal.js'
import type { CertificateRefusalReason } from '../../ssh/judge-certificate.js'
import { fingerprintOf, keyTypeOf, publicKeyLine } from '../../ssh/public-key.js'
import type { DeviceIdFault } from '../device-id.js'
import { approveCommand, NAME_TO_CHOOSE } from './approve-command.js'

/** Why a host certificate of a trusted CA is refused. */
type HostCertificateReason = Exclude<CertificateRefusalReason, 'untrusted-ca'>

const ofCertificate = {
  told: 'nobody',
  text: (found: string, hint: string) => ({ message: `presented a host certificate that is refused: ${found}`, hint }),
} as const satisfies RefusalEntry

/**
 * The part of the catalogue of refusals that judging a host key gives; `fleet/refusals/call-home.ts` has it with all
 * others.
 */
export const HOST_KEY_REFUSALS = {
  revoked: {
    told: 'nobody',
    text: (key: Buffer, part: string) => ({
      message: `presented ${describeKey(key)}, of which ${part} is revoked`,
      hint: 'make a new host key on the device; nothing brings a revoked one back',
    }),
  },
  rejected: {
    told: 'nobody',
    text: (key: Buffer, deviceId: string) => ({
      message: `an operator has rejected it; it presented ${describeKey(key)}`,
      hint: `if that was a mistake: ${homeportCommand('devices forget', deviceId)}`,
    }),
  },
  'host-key-not-pinned': {
    told: 'nobody',
    text: (key: Buffer, { deviceId, hmac }: PinnedOtherwise) => ({
      message:
        `presented ${describeKey(key)}, which is none of the host keys that it is bound to` +
        (hmac === 'not-asked' ? '' : '; the HMAC of its secret is right for this key'),
      hint:
        (hmac === 'not-asked'
          ? 'otherwise someone else claims'
          : 'otherwise someone else knows its secret and claims') +
        ' this device id; if the device was replaced or got a new key, ' +
        'compare the fingerprint with the device, then change its host-keys, or: ' +
        homeportCommand(`devices repin --fingerprint ${fingerprintOf(key)}`, deviceId) +
        (hmac === 'may-replace' ? '; with `trust.hmac: replaces-pins` the HMAC alone decides, for all devices' : ''),
    }),
  },
  'ambiguous-host-key': {
    told: 'nobody',
    text: (key: Buffer, owners: readonly string[]) => ({
      message: `sent no device id, and ${describeKey(key)} is the host key of ${owners.join(', ')}`,
      hint: 'give each device its own host key',
    }),
  },
  /** Nothing speaks against the key, and an operator may approve it; the connection is held meanwhile. */
  pending: {
    told: 'nobody',
    text: (evidence: Unvouched) => ({
      message: messageOf(evidence),
      hint: `${COMPARE}: ${approveCommand(
        { deviceId: evidence.deviceId, fingerprint: fingerprintOf(evidence.key) },
        evidence.named ? {} : { as: NAME_TO_CHOOSE },
      )}`,
    }),
  },
  'nothing-proves-it': { told: 'nobody', text: addToDevices },
  'unknown-device': { told: 'nobody', text: addToDevices },
  'unknown-host-key': { told: 'nobody', text: addToDevices },
  'missing-hmac': {
    told: 'nobody',
    text: {
      message: 'a secret is configured for it, but its initiation sequence has no HOST-KEY and HMAC',
      hint:
        'set the same secret on the device (`set system services outbound-ssh client … secret`), or ' +
        'take it out of the configuration',
    },
  },
  'wrong-hmac': {
    told: 'nobody',
    text: {
      message: 'the HMAC of its initiation sequence does not fit its secret',
      hint: 'the secret on the device and the one here differ; set both anew',
    },
  },
  'announced-key-not-presented': {
    told: 'nobody',
    text: (announced: Buffer, key: Buffer) => ({
      message: `announced ${describeKey(announced)}, but proved ${describeKey(key)} in key exchange`,
      hint:
        'the initiation sequence may be a replayed one; nothing is to be done unless the device itself ' +
        'is refused again and again',
    }),
  },
  'shared-secret': {
    told: 'nobody',
    text: (others: readonly string[]) => ({
      message: `its secret is also that of ${others.join(', ')}, so the HMAC does not tell which of them it is`,
      hint: 'give each device a secret of its own, or add its host key to its host-keys',
    }),
  },
  'certificate-weak-ca-signature': ofCertificate,
  'certificate-bad-ca-signature': ofCertificate,
  'certificate-revoked': ofCertificate,
  'certificate-wrong-role': ofCertificate,
  'certificate-not-yet-valid': ofCertificate,
  'certificate-expired': ofCertificate,
  'certificate-unknown-critical-option': ofCertificate,
  'certificate-no-principals': ofCertificate,
  'certificate-wrong-principal': ofCertificate,
  'certificate-bad-device-id': {
    told: 'nobody',
    text: (key: Buffer, { fault, rule, why }: DeviceIdFault) => ({
      message: `presented a host certificate for ${describeKey(key)} whose only name ${fault}`,
      hint:
        'sign the host key again, for a name that can be a device id: one ' +
        `${rule}${why === undefined ? '' : ` (${why})`}`,
    }),
  },
} as const satisfies { readonly [Reason in `certificate-${HostCertificateReason}`]: RefusalEntry } & {
  readonly [Reason in string]: RefusalEntry
}

export type HostKeyRefusalReason = ReasonOf<typeof HOST_KEY_REFUSALS>

export const hostKeyRefusal = refusalsBy(HOST_KEY_REFUSALS)

/** A host key that nothing vouches for. */
export interface Unvouched {
  readonly key: Buffer
  readonly deviceId: string
  /** Whether the connection said the device id itself. */
  readonly named: boolean
  /** `known_hosts` has the key for this name, which proves a device that is expected and no other. */
  readonly isListed: boolean
  /** What is wrong with the CA that certified it, where one did. */
  readonly untrustedCa: string | undefined
}

/** A device that is bound to other host keys than the one that it presented. */
export interface PinnedOtherwise {
  readonly deviceId: string
  /** Whether the HMAC of its secret was asked for, and then was right; and whether it may replace the pins. */
  readonly hmac: 'not-asked' | 'vouched' | 'may-replace'
}

const COMPARE = 'compare the fingerprint with the device, then'

function messageOf({ key, named, isListed, untrustedCa }: Unvouched): string {
  const who = named ? '' : 'sent no device id and '
  const signer = untrustedCa === undefined ? '' : `, certified by a CA that is not trusted (${untrustedCa})`
  const doubt = isListed ? 'known_hosts has, but the device is not in `devices`' : 'nothing vouches for'
  return `${who}presented ${describeKey(key)}${signer}, which ${doubt}`
}

function addToDevices(evidence: Unvouched) {
  const line = publicKeyLine({ type: keyTypeOf(evidence.key) ?? 'unknown', blob: evidence.key })
  return {
    message: messageOf(evidence),
    hint: `${COMPARE} add it under \`devices\` with \`host-keys: ["${line}"]\``,
  }
}

/** The type and the fingerprint of a key, as messages name it. */
export function describeKey(key: Buffer): string {
  return `${keyTypeOf(key) ?? 'an unreadable key'} ${fingerprintOf(key)}`
}
