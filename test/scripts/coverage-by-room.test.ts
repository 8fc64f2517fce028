import { expect, test } from 'vitest'
import { printTable, type Summary, sumByRoom } from '../../scripts/coverage-by-room.js'

const counts = (covered: number, total: number): Summary[string] => ({
  lines: { covered, total },
  functions: { covered: 0, total: 0 },
  branches: { covered: 1, total: 3 },
})

test('what is covered is summed by room', () => {
  const summary: Summary = {
    total: counts(7, 20),
    '/src/net/ip.ts': counts(1, 10),
    '/src/lib/one.ts': counts(2, 5),
    '/src/lib/two.ts': counts(4, 5),
  }
  expect(printTable(sumByRoom(summary, (file) => file.split('/')[2] ?? ''))).toBe(
    [
      'room               lines functions  branches',
      'lib               60.0 %         –    33.3 %',
      'net               10.0 %         –    33.3 %',
      'all               35.0 %         –    33.3 %',
      '',
    ].join('\n'),
  )
})
