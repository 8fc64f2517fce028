import { describe, expect, it } from 'vitest'
import { readCsv } from '../../../../src/cli/operator/import/csv.js'
import { growthOf, IN_PROPORTION } from '../../../support/growth.js'

describe('a CSV file', () => {
  it.each<[string, string, [number, string[]][]]>([
    ['of nothing', '', []],
    ['of one field', 'a', [[1, ['a']]]],
    ['with a line end', 'a,b\n', [[1, ['a', 'b']]]],
    [
      'with those of Windows',
      'a,b\r\nc,d\r\n',
      [
        [1, ['a', 'b']],
        [2, ['c', 'd']],
      ],
    ],
    ['with a byte order mark', '\ufeffid\n', [[1, ['id']]]],
    [
      'with empty fields',
      'a,,\n,b,\n',
      [
        [1, ['a', '', '']],
        [2, ['', 'b', '']],
      ],
    ],
    ['that ends with a comma', 'a,', [[1, ['a', '']]]],
    [
      'with quotes',
      '"a,b","say ""x""","l1\nl2"\nc,d,e',
      [
        [1, ['a,b', 'say "x"', 'l1\nl2']],
        [3, ['c', 'd', 'e']],
      ],
    ],
    [
      'with empty lines and remarks',
      '# ids\n\nid\n# more\n\nr1\n',
      [
        [3, ['id']],
        [6, ['r1']],
      ],
    ],
    ['with a # in a field', 'a,#b\n', [[1, ['a', '#b']]]],
    ['with spaces around', ' a , b \n', [[1, ['a', 'b']]]],
  ])('%s', (_name, text, records) => {
    expect(readCsv(text)).toEqual({ ok: true, records: records.map(([line, fields]) => ({ line, fields })) })
  })

  it.each([
    ['a\nb"c\n', 2],
    ['a\n"b\n\n', 2],
    ['"a"b', 1],
  ])('is refused where quotes are wrong: %j', (text, line) => {
    expect(readCsv(text)).toMatchObject({ ok: false, line })
  })

  it('takes time that grows with its size alone', () => {
    const growth = growthOf(10_000, (size) => {
      const [quotes, fields] = ['"'.repeat(5 * size), `${'"a""b",'.repeat(size)}"`]
      return () => expect([readCsv(quotes).ok, readCsv(fields).ok]).toEqual([size % 2 === 0, false])
    })
    expect(growth).toBeLessThan(IN_PROPORTION)
  })
})
