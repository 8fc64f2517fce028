import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PROBLEM_TYPES, type ProblemType } from '../../src/northbound/http/problem-types.js'

/** The rows of the table of problems in a page: the status, and the words in backticks of the second cell. */
function rowsOf(page: string): readonly { readonly status: string; readonly types: readonly string[] }[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8')
  const [, table = ''] = text.split('| status | `urn:homeport:problem:` | |\n')
  const [rows = ''] = table.split('\n\n')
  return [...rows.matchAll(/^\| ([^|]+) \| ([^|]+) \|/gm)].map(([, status = '', cell = '']) => ({
    status,
    types: [...cell.matchAll(/`([a-z][a-z-]*)`/g)].map(([, word = '']) => word),
  }))
}

const rows = ['http.md', 'http-serving.md'].flatMap(rowsOf)

describe('each type of problem', () => {
  it('that the HTTP API answers with stands in docs/http.md or docs/http-serving.md, and no other', () => {
    const listed = new Set(rows.flatMap(({ types }) => types))
    expect([...listed].toSorted()).toEqual(Object.keys(PROBLEM_TYPES).toSorted())
  })

  it('stands there with its status', () => {
    const listed = rows.flatMap(({ status, types }) => types.map((type) => `${type} ${status}`))
    // Its status is that of the first error.
    const others = listed.filter((line) => !line.startsWith('rpc-error '))
    const known = (line: string): boolean => {
      const [type = '', status = ''] = line.split(' ')
      return PROBLEM_TYPES[type as ProblemType]?.status === Number(status)
    }
    expect(others.length).toBeGreaterThan(55)
    expect(others.filter((line) => !known(line))).toEqual([])
  })
})
