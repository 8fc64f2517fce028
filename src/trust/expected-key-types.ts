import type { Claim } from './claim.js'
import type { KnownDevice } from './known-device.js'

/**
 * The key types that key exchange should ask a device for, so that it proves the key that can be judged:
 * the announced one, else those pinned for the claimed device, else those pinned for anyone. Empty: any.
 */
export function expectedKeyTypes(claim: Claim, known: readonly KnownDevice[]): string[] {
  if (claim.form === 'junos' && claim.hostKey !== undefined) return [claim.hostKey.type]
  const candidates = claim.form === 'none' ? known : known.filter(({ id }) => claim.deviceIds.includes(id))
  return [...new Set(candidates.flatMap(({ pins }) => pins.map(({ type }) => type)))]
}
