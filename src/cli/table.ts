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

/** Columns of a terminal that a text takes. */
export function width(cell: string): number {
  let columns = 0
  for (const { segment } of characters.segment(cell)) columns += WIDE.test(segment) ? 2 : 1
  return columns
}

/** What takes two columns: East Asian characters that are wide or full width (UAX #11), and emoji. */
const WIDE = new RegExp(
  [
    String.raw`^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6b]`,
    String.raw`^[\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{20000}-\u{3fffd}]`,
    String.raw`^\p{Emoji_Presentation}`,
    String.raw`^\p{Emoji}\ufe0f`,
  ].join('|'),
  'u',
)

const characters = new Intl.Segmenter()

/** `2025-06-01 10:00:00Z`: sortable, and the same for whoever reads it. */
export function shortTime(written: string): string {
  return written.replace('T', ' ').replace(/\.\d+(?=Z)/, '')
}
