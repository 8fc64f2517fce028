import type { Link } from './link.js'

/** Milliseconds in which a device that is there, and busy, answers. */
const PATIENCE = 1_000

/** How much rather than an older link of its device one gives way to a newer one. */
export function readinessToGiveWay({ unansweredFor }: Pick<Link, 'unansweredFor'>): number {
  // Any link owes an answer for a moment: the newest of several that came together would give way to the last of them.
  return Number((unansweredFor?.() ?? 0) >= PATIENCE)
}
