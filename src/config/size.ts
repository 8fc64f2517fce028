import type { ParseResult } from './parse-result.js'

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 }

/** A size as it is written. */
export type Size = `${number}${'B' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`

/** Reads `512KiB`, `64MiB` or `1GiB` as bytes, within bounds. */
export function readSize(text: string, least: Size, most: Size): ParseResult<number> {
  const value = bytes(text)
  if (value === undefined) {
    const hint = /^\d+$/.test(text) ? 'add the unit: B, KiB, MiB or GiB' : 'a whole number and one of B, KiB, MiB, GiB'
    return { ok: false, message: 'expected a size such as `64MiB`', hint }
  }
  if (value < (bytes(least) ?? 0)) return { ok: false, message: `expected a size of at least ${least}` }
  if (value > (bytes(most) ?? 0)) return { ok: false, message: `expected a size of at most ${most}` }
  return { ok: true, value }
}

function bytes(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(B|KiB|MiB|GiB|TiB)$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? Number.NaN)
}
