import { keyFingerprint, pinOf } from '../../trust/ssh/key-fingerprint.js'
import type { FleetEmitter } from '../fleet-emitter.js'
import { secretMarkOf } from './enrolled-device.js'
import type { EnrolmentMemory } from './enrolment-memory.js'

/** Enrols devices by what proved them, without anybody's decision. */
export interface Proofs {
  /**
   * Binds a device id to a key that its HMAC or the first-use policy vouched for, and tells where it takes the place of
   * another key.
   */
  readonly bind: (
    deviceId: string,
    key: Buffer,
    by: { readonly how: 'hmac' | 'first-use'; readonly source: string },
  ) => Promise<void>
  /** Enrols a device that a certificate vouched for and that nobody had heard of. */
  readonly admit: (deviceId: string, how: 'certificate') => Promise<void>
}

export function createProofs(memory: EnrolmentMemory, events: FleetEmitter, now: () => Date): Proofs {
  return {
    bind: async (deviceId, key, { how, source }) => {
      const { secret, pins: before = [] } = memory.known().byId(deviceId) ?? {}
      const { type, blob } = pinOf(key)
      const marked = how === 'hmac' && secret !== undefined ? { secretMark: secretMarkOf(secret, blob) } : {}
      const pin = { type, blob, by: how, addedAt: now(), ...marked }
      await memory.update(deviceId, (enrolment) => ({
        ...enrolment,
        // The rejection stays stored. It counts again when the configuration file no longer vouches for the device.
        standing: enrolment.standing === 'rejected' ? 'rejected' : 'approved',
        pins: [pin],
        decision: enrolment.decision ?? { by: how, at: now(), how },
      }))
      const replaced = before.filter((old) => !old.blob.equals(blob)).map((old) => keyFingerprint(old.blob).fingerprint)
      if (replaced.length > 0)
        events.emit('key-replaced', {
          deviceId,
          source,
          hostKeyFingerprint: keyFingerprint(blob).fingerprint,
          replaced,
          by: how,
        })
    },
    admit: async (deviceId, how) => {
      if (memory.entryOf(deviceId) !== undefined || memory.of(deviceId)?.standing === 'approved') return
      await memory.update(deviceId, (enrolment) => ({
        ...enrolment,
        standing: 'approved',
        decision: { by: how, at: now(), how },
      }))
    },
  }
}
