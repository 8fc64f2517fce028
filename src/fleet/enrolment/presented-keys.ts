import { LRUCache } from 'lru-cache'
import type { Pin } from '../../store/enrolment.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'

const MAX_DEVICES = 1000
const MAX_KEYS = 8

/**
 * The keys that refused calls of a device id showed lately, the newest first, in memory alone. The store has room for
 * one such key. A stranger who goes on calling replaces the device's key there, so the fingerprint that an operator
 * gives is looked up here as well.
 */
export interface PresentedKeys {
  readonly note: (deviceId: string, pin: Pin) => void
  readonly find: (deviceId: string, fingerprint: string) => Pin | undefined
  readonly forget: (deviceId: string) => void
}

export function createPresentedKeys(): PresentedKeys {
  const keys = new LRUCache<string, readonly Pin[]>({ max: MAX_DEVICES })
  return {
    note: (deviceId, pin) => {
      const others = (keys.get(deviceId) ?? []).filter(({ blob }) => !blob.equals(pin.blob))
      keys.set(deviceId, [pin, ...others].slice(0, MAX_KEYS))
    },
    find: (deviceId, fingerprint) =>
      keys.get(deviceId)?.find(({ blob }) => keyFingerprint(blob).fingerprint === fingerprint),
    forget: (deviceId) => void keys.delete(deviceId),
  }
}
