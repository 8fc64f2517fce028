import { describe, expect, it } from 'vitest'
import { fittedTable } from '../../src/cli/fitted-table.js'
import { table, width } from '../../src/cli/table.js'

describe('columns of a terminal', () => {
  it.each([
    ['router1', 7],
    ['東京', 4],
    ['ルーター', 8],
    ['한국', 4],
    ['ｆｕｌｌ', 8],
    ['🚀', 2],
    ['👩‍🔧', 2],
    ['🇯🇵', 2],
    ['❤️', 2],
    ['é', 1],
    ['e\u0301', 1],
    ['Ω→', 2],
    ['1', 1],
  ])('%s takes %d', (text, columns) => {
    expect(width(text)).toBe(columns)
  })

  it('keeps what stands behind such characters in its column', () => {
    const lines = table([
      ['ID', 'LINK'],
      ['東京', 'a'],
      ['🚀', 'a'],
      ['router1', 'a'],
    ]).split('\n')
    expect(
      lines.slice(1, 4).map((line) => width(line.slice(0, line.indexOf('a')).replace('router1', '1234567'))),
    ).toEqual([9, 9, 9])
  })
})

describe('a table that has to fit', () => {
  const columns = [
    { name: 'ID', atLeast: 4 },
    { name: 'LINK', atLeast: 6 },
    { name: 'MORE', optional: true },
  ] as const
  const rows = [['東京のルーター', 'refused', 'x'.repeat(10)]]

  it.each([
    [Infinity, '東京のルーター  refused  xxxxxxxxxx'],
    [35, '東京のルーター  refused  xxxxxxxxxx'],
    [34, '東京のルーター  refused'],
    [22, '東京のルータ…  refused'],
    [10, '東…  refus…'],
  ])('in %d columns is %s', (room, line) => {
    const [, shown = ''] = fittedTable(columns, rows, room).split('\n')
    expect(shown.replace(/ {3,}/g, '  ')).toBe(line)
    expect(width(shown)).toBeLessThanOrEqual(Math.max(room, 12))
  })
})
