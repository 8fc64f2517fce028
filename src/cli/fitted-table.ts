import { strangerText } from '../lib/stranger-text.js'
import { table, width } from './table.js'

/** A column of a table that may have to be narrow. */
export interface Column {
  readonly name: string
  /** Is left out where there is no room for it; the last such column first. */
  readonly optional?: true
  /** How far it may be cut, where that makes room; absent where it is never cut. */
  readonly atLeast?: number
}

/** Between two columns. */
const GAP = 2

/**
 * A table that is as wide as it needs to be, or as a terminal is: what is optional is left out, then cells are cut.
 * @param room how wide it may be, in characters; Infinity where nobody looks at it
 */
export function fittedTable(columns: readonly Column[], rows: readonly (readonly string[])[], room: number): string {
  const cells = [columns.map(({ name }) => name), ...rows.map((row) => row.map((cell) => strangerText(cell)))]
  const widths = columns.map((_, at) => cells.reduce((widest, row) => Math.max(widest, width(row[at] ?? '')), 0))
  const kept = keptColumns(columns, widths, room)
  const allowed = allowedWidths(
    kept.map((at) => ({ at, wide: widths[at] ?? 0, atLeast: columns[at]?.atLeast })),
    room,
  )
  return table(cells.map((row) => kept.map((at) => cut(row[at] ?? '', allowed.get(at) ?? Infinity))))
}

function keptColumns(columns: readonly Column[], widths: readonly number[], room: number): readonly number[] {
  let kept = columns.map((_, at) => at)
  for (const [at, { optional }] of [...columns.entries()].toReversed())
    if (optional === true && total(kept.map((each) => widths[each] ?? 0)) > room)
      kept = kept.filter((each) => each !== at)
  return kept
}

/** How wide columns may be, so that all fit: the widest gives way first. */
function allowedWidths(
  columns: readonly { readonly at: number; readonly wide: number; readonly atLeast: number | undefined }[],
  room: number,
): ReadonlyMap<number, number> {
  const allowed = new Map(columns.map(({ at, wide }) => [at, wide]))
  for (let over = total([...allowed.values()]) - room; over > 0; over -= 1) {
    const [widest] = columns
      .filter(({ at, wide, atLeast = wide }) => (allowed.get(at) ?? 0) > atLeast)
      .toSorted((one, other) => (allowed.get(other.at) ?? 0) - (allowed.get(one.at) ?? 0))
    if (widest === undefined) break
    allowed.set(widest.at, (allowed.get(widest.at) ?? 0) - 1)
  }
  return allowed
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, wide) => sum + wide, 0) + GAP * (widths.length - 1)
}

function cut(cell: string, to: number): string {
  if (width(cell) <= to) return cell
  let kept = ''
  for (const { segment } of characters.segment(cell)) {
    if (width(kept + segment) > to - 1) break
    kept += segment
  }
  return `${kept}…`
}

const characters = new Intl.Segmenter()
