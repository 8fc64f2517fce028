import type { PageSection } from './page-blocks.js'

/** The rows of a section's tables as cells, without heads and lines. */
export function rowsOf({ text }: PageSection): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines
    .filter((line, at) => !isRule(line) && !isRule(lines[at + 1] ?? ''))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

function isRule(line: string): boolean {
  return /^[|\s:-]+$/.test(line) && line.includes('-')
}
