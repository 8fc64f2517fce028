import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { keysOfSchema } from '../../src/config/keys-of-schema.js'
import type { Environment } from '../../src/config/yaml/environment.js'
import { RENAMED_KEYS } from '../../src/config/renamed-keys.js'
import { configSchema } from '../../src/config/schema.js'

const root = join(import.meta.dirname, '../..')
const reference = readFileSync(join(root, 'docs/configuration.md'), 'utf8')
const example = readFileSync(join(root, 'config/homeport.example.yaml'), 'utf8')

/** Names that the operator chooses, and their values: one key in the reference stands for all of them. */
const OPEN_ENDED = ['devices[].labels', 'traces.headers']

/** Every key that is written in a document; names that the operator chose become NAME. */
function keysOfDocument(value: unknown, at = ''): readonly string[] {
  if (OPEN_ENDED.includes(at) || value === null || typeof value !== 'object') return [at]
  if (Array.isArray(value)) {
    const inner = value.flatMap((item) => keysOfDocument(item, `${at}[]`))
    return inner.length > 0 && inner.every((key) => key !== `${at}[]`) ? inner : [at]
  }
  return Object.entries(value).flatMap(([key, held]) => {
    const name = ['roles', 'credentials', 'algorithm-sets'].includes(at) ? 'NAME' : key
    return keysOfDocument(held, at === '' ? name : `${at}.${name}`)
  })
}

const NO_VARIABLES: Environment = { lookup: () => ({ kind: 'unset' }) }

const sorted = (keys: Iterable<string>): readonly string[] => [...new Set(keys)].toSorted()
const known = sorted(keysOfSchema(configSchema('/srv/config', NO_VARIABLES)))

/** Whether the schema has a key, or a section, of this name. */
const isKnown = (name: string): boolean => known.some((key) => key === name || key.startsWith(`${name}.`))

describe('every key of the configuration', () => {
  it('is found in the schema', () => {
    expect(known.length).toBeGreaterThan(150)
    for (const key of ['log.level', 'devices[].endpoint.port', 'users[].name', 'roles.NAME.credentials'])
      expect(known).toContain(key)
  })

  it('is in docs/configuration.md, and nothing else is', () => {
    const table = reference.slice(reference.indexOf('## Keys'), reference.indexOf('## Environment'))
    const named = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, key = '']) => key)
    const sections = named.filter((key) => known.some((each) => each.startsWith(`${key}.`)))
    expect(sorted(named.filter((key) => !sections.includes(key)))).toEqual(known)
  })

  it('is in config/homeport.example.yaml, commented out or not, and nothing else is', () => {
    const whole = example.replace(/^( *)# ( *(?:[a-z-]+:(?= |$)|- [a-z]))/gm, '$1$2')
    expect(sorted(keysOfDocument(parse(whole)))).toEqual(known)
  })
})

describe('every old name of a key', () => {
  it('is in docs/configuration.md with the new one, and nothing else is', () => {
    const table = reference.slice(reference.indexOf('## Old names of keys'), reference.indexOf('## Reload'))
    const rows = [...table.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|$/gm)].map(([, old, now]) => ({ old, now }))
    expect(rows).toEqual(RENAMED_KEYS)
  })

  it('is known no longer, while the new one is', () => {
    for (const { old, now } of RENAMED_KEYS)
      expect([old, isKnown(old), now, isKnown(now)]).toEqual([old, false, now, true])
  })
})
