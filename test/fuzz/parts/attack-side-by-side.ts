import { createRandom, type Random } from '../random.js'
import type { AttackedBridge } from './attacked-bridge.js'

/** Attacks of one input that run side by side. */
export const AT_ONCE = 12

/**
 * Attacks a bridge from several connections at once, each with chance of its own, and then asks whether it still serves
 * others.
 */
export async function attackSideBySide(
  bridge: AttackedBridge,
  random: Random,
  attack: (random: Random, index: number) => Promise<void>,
): Promise<void> {
  const attacks = Array.from({ length: AT_ONCE }, (_, index) => attack(createRandom(random.below(2 ** 32)), index))
  await Promise.all(attacks)
  await bridge.check()
}
