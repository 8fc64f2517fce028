import { describe, expect, it } from 'vitest'
import { configOf, problemsOf } from './parse-text.js'

const key = Buffer.alloc(32, 7)
const other = Buffer.alloc(32, 9)
const text = (parts: Readonly<Record<string, string>> = {}): string =>
  JSON.stringify({
    cluster: {
      database: 'postgres://homeport:${PASSWORD}@db.example.net/homeport',
      node: 'a',
      'secret-key': '${KEY}',
      ...parts,
    },
  })
const variables = { PASSWORD: 'p@ss/word:?', KEY: key.toString('base64') }

describe('cluster', () => {
  it('has a database, a name and a key', () => {
    expect(configOf(text(), variables).cluster).toEqual({
      database: 'postgres://homeport:p@ss/word:?@db.example.net/homeport',
      node: 'a',
      secretKey: [key],
      lease: 6_000,
      heartbeat: 1_000,
    })
  })

  it('has further keys, the newest first, as a file with a line for each may hold them', () => {
    const KEY = `${other.toString('base64url')}\n${key.toString('base64')}\n`
    expect(configOf(text(), { ...variables, KEY }).cluster?.secretKey).toEqual([other, key])
  })

  it.each([
    ['database', 'mysql://homeport:hunter2@h/d', 'is no URL of a PostgreSQL database'],
    ['database', 'postgres://homeport:hunter2@h/d?sslmode=prefer', 'has an `sslmode` that is not known here'],
    ['node', 'a b', 'the name of a node'],
    ['secret-key', 'hunter2', 'expected a key of 32 bytes in base64'],
    ['secret-key', Buffer.alloc(31).toString('base64'), 'expected a key of 32 bytes in base64'],
    ['secret-key', '', 'expected a key of 32 bytes in base64'],
    ['lease', '2s', 'at least 3s'],
    ['heartbeat', '2s', 'at most 1s'],
  ])('refuses a %s that is none, and does not show it: %s', (name, value, message) => {
    const problems = problemsOf(text({ [name]: value }), variables)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`cluster.${name}: `)
    expect(problems[0]).toContain(message)
    expect(problems[0]).not.toContain('hunter2')
  })

  it.each(['database', 'node', 'secret-key'])('needs its %s', (name) => {
    const { cluster } = JSON.parse(text()) as { readonly cluster: Record<string, string> }
    delete cluster[name]
    expect(problemsOf(JSON.stringify({ cluster }), variables)).toEqual([
      expect.stringContaining(`cluster.${name}: is missing`),
    ])
  })
})
