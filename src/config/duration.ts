import type { ParseResult } from './parse-result.js'

/** A duration as it is written. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads `500ms`, `10s`, `2m`, `1h` or `90d` as milliseconds, within bounds. */
export function readDuration(text: string, least: Duration = '0ms', most: Duration = '24h'): ParseResult<number> {
  const value = milliseconds(text)
  if (value === undefined) {
    const hint = /^\d+$/.test(text) ? 'add the unit: ms, s, m, h or d' : 'a whole number and one of ms, s, m, h, d'
    return { ok: false, message: 'expected a duration such as `10s`', hint }
  }
  if (value < (milliseconds(least) ?? 0)) return { ok: false, message: `expected a duration of at least ${least}` }
  if (value > (milliseconds(most) ?? 0)) return { ok: false, message: `expected a duration of at most ${most}` }
  return { ok: true, value }
}

function milliseconds(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? Number.NaN)
}
