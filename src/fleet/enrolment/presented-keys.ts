import { LRUCache } from 'lru-cache'
import type { Pin } from '../../store/enrolment.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'

const MAX_DEVICES = 1000
const MAX_KEYS = 8

/**
 * The keys that refused calls of a device id showed lately, the newest first, in memory alone. A stranger who goes on
 * calling pushes the key of the device out of the store's one place for it, so the operator's fingerprint is looked for
 * here as well.
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
