import type { Reading } from './parse-result.js'

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 }

/** A size as it is written. */
export type Size = `${number}${'B' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`

/** Reads `512KiB`, `64MiB` or `1GiB` as octets, within bounds. */
export function readSize(text: string, least: Size, most: Size): Reading<number> {
  const value = octets(text)
  if (value === undefined) {
    const hint = /^\d+$/.test(text) ? 'add the unit: B, KiB, MiB or GiB' : 'a whole number and one of B, KiB, MiB, GiB'
    return { ok: false, message: 'expected a size such as `64MiB`', hint }
  }
  if (value < (octets(least) ?? 0)) return { ok: false, message: `expected a size of at least ${least}` }
  if (value > (octets(most) ?? 0)) return { ok: false, message: `expected a size of at most ${most}` }
  return { ok: true, value }
}

function octets(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(B|KiB|MiB|GiB|TiB)$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? Number.NaN)
}
