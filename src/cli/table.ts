import { strangerText } from '../lib/stranger-text.js'

/**
 * Columns as wide as what stands in them. Ids come from the network, so nothing in them reaches the terminal as a
 * command.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((text) => strangerText(text)))
  const widths = (cells[0] ?? []).map((_, column) =>
    cells.reduce((widest, row) => Math.max(widest, width(row[column] ?? '')), 0),
  )
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => padded(cell, widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function padded(cell: string, to: number): string {
  return cell + ' '.repeat(to - width(cell))
}

function width(cell: string): number {
  return [...characters.segment(cell)].length
}

const characters = new Intl.Segmenter()

/** `2025-06-01 10:00:00Z`: sortable, and the same for whoever reads it. */
export function shortTime(written: string): string {
  return written.replace('T', ' ').replace(/\.\d+(?=Z)/, '')
}

/** `1 session`, `2 sessions`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
