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

  // They need be there, and hold nothing of use.
  const here = import.meta.filename
  const files = { certificate: here, key: here, ca: here }
  const meant = (parts: Readonly<Record<string, string>>): readonly string[] => problemsOf(text(parts), variables)

  it.each(['certificate', 'key', 'ca'])('needs the file of its %s to be there', (key) => {
    expect(meant({ listen: '10.0.0.1', ...files, [key]: '/nowhere/at-all' })).toEqual([
      expect.stringMatching(new RegExp(`^1:\\d+: cluster\\.${key}: /nowhere/at-all cannot be read \\(ENOENT\\)`)),
    ])
  })

  it.each([
    ['10.0.0.1:4351', { address: '10.0.0.1', port: 4351 }],
    ['10.0.0.1', { address: '10.0.0.1', port: 4350 }],
    ['2001:db8::1', { address: '2001:db8::1', port: 4350 }],
    ['[2001:db8::1]:4351', { address: '2001:db8::1', port: 4351 }],
    ['node-a.example.net:0', { address: 'node-a.example.net', port: 0 }],
  ])('listens for other nodes at %s', (listen, place) => {
    const { cluster } = configOf(text({ listen, ...files }), variables)
    expect(cluster).toMatchObject({ listen: place, ...files })
    expect(cluster?.advertise).toBeUndefined()
  })

  it.each(['', '4350', ':4350', '10.0.0.1:', '10.0.0.1:70000', '2001:db8::1:x', '[10.0.0.1]:4350'])(
    'listens not at %j',
    (listen) => {
      expect(meant({ listen, ...files }).join('\n')).toContain('cluster.listen: ')
    },
  )

  it('needs all that nodes know each other by, once it listens', () => {
    expect(meant({ listen: '10.0.0.1' })).toEqual([
      expect.stringContaining('cluster.certificate: is missing'),
      expect.stringContaining('cluster.key: is missing'),
      expect.stringContaining('cluster.ca: is missing'),
    ])
  })

  it('has nothing of that unless it listens', () => {
    expect(meant({ advertise: '10.0.0.1', ...files })).toEqual([
      expect.stringMatching(/^1:\d+: cluster\.advertise: means nothing without `listen`/),
      expect.stringContaining('cluster.certificate: means nothing'),
      expect.stringContaining('cluster.key: means nothing'),
      expect.stringContaining('cluster.ca: means nothing'),
    ])
  })

  it('says where others dial it that listens at every address', () => {
    for (const listen of ['::', '0.0.0.0:4351', '[::]:4350'])
      expect(meant({ listen, ...files })).toEqual([expect.stringContaining('cluster.advertise: is missing')])
    expect(meant({ listen: '::', advertise: 'a.example.net', ...files })).toEqual([])
  })

  it('has a name that a certificate may have, once it listens', () => {
    expect(meant({ listen: '10.0.0.1', ...files, node: 'Bridge-A' })).toEqual([
      expect.stringContaining('cluster.node: with `listen` it has 1 to 63 lower-case letters'),
    ])
  })

  it('has a port of its own for other nodes', () => {
    expect(meant({ listen: '10.0.0.1:4334', ...files })).toEqual([
      expect.stringContaining('cluster.listen: devices call home on port 4334 already'),
    ])
  })

  it.each(['database', 'node', 'secret-key'])('needs its %s', (name) => {
    const { cluster } = JSON.parse(text()) as { readonly cluster: Record<string, string> }
    delete cluster[name]
    expect(problemsOf(JSON.stringify({ cluster }), variables)).toEqual([
      expect.stringContaining(`cluster.${name}: is missing`),
    ])
  })
})
