import type { Reading } from './reading.js'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const DAY = 24 * 3_600_000

/** Reads `500ms`, `10s`, `2m` or `1h` as milliseconds, at least `least` and at most a day. */
export function readDuration(text: string, least = 0): Reading<number> {
  const [, digits, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  if (digits === undefined || unit === undefined) {
    const hint = /^\d+$/.test(text) ? 'add the unit: ms, s, m or h' : 'a whole number and one of ms, s, m, h'
    return { ok: false, message: 'expected a duration such as `10s`', hint }
  }
  const value = Number(digits) * (UNITS[unit] ?? Number.NaN)
  if (value < least) return { ok: false, message: `expected a duration of at least ${least}ms` }
  if (value > DAY) return { ok: false, message: 'expected a duration of at most 24h' }
  return { ok: true, value }
}
