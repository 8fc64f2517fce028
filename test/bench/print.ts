import { type Figure, isKept } from './figure.js'

/** A table of what was measured and how it stands to what is promised. */
export function printFigure({ title, unit, measured, promised }: Figure): string {
  const width = Math.max(...measured.map(({ path }) => path.length), ...promised.map(({ what }) => what.length))
  const rows = measured.map(({ path, value, samples }) => {
    const spread = samples.length > 1 ? `  (${short(Math.min(...samples))} to ${short(Math.max(...samples))})` : ''
    return `  ${path.padEnd(width)}  ${short(value).padStart(9)} ${unit}${spread}`
  })
  const ratios = promised.map(
    (one) =>
      `  ${one.what.padEnd(width)}  ${short(one.value).padStart(9)}   ${one.bound} ${one.allowed}: ${isKept(one) ? 'kept' : 'NOT KEPT'}`,
  )
  return [title, ...rows, ...ratios, ''].join('\n')
}

/** Three significant digits. */
export function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
