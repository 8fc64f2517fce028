const MEASURES = ['lines', 'functions', 'branches'] as const

type Measure = (typeof MEASURES)[number]

export interface Count {
  readonly covered: number
  readonly total: number
}

/** What vitest's reporter `json-summary` writes: for each file by its path, and `total`. */
export type Summary = Readonly<Record<string, Readonly<Record<Measure, Count>>>>

export type Row = Readonly<Record<Measure, Count>> & { readonly room: string }

/** A row for each room, by name, and one for all. */
export function sumByRoom({ total, ...files }: Summary, roomOf: (file: string) => string): readonly Row[] {
  const rooms = [...new Set(Object.keys(files).map(roomOf))].toSorted()
  const rows = rooms.map((room) => {
    const inside = Object.entries(files).flatMap(([file, counts]) => (roomOf(file) === room ? [counts] : []))
    const sum = (measure: Measure): Count => ({
      covered: inside.reduce((all, counts) => all + counts[measure].covered, 0),
      total: inside.reduce((all, counts) => all + counts[measure].total, 0),
    })
    return { room, lines: sum('lines'), functions: sum('functions'), branches: sum('branches') }
  })
  return total === undefined ? rows : [...rows, { room: 'all', ...total }]
}

export function printTable(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(14) : cell.padStart(10))).join('')
  const percent = ({ covered, total }: Count): string =>
    total === 0 ? '–' : `${((100 * covered) / total).toFixed(1)} %`
  const body = rows.map((row) => line([row.room, ...MEASURES.map((measure) => percent(row[measure]))]))
  return [line(['room', ...MEASURES]), ...body, ''].join('\n')
}
