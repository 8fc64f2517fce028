import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import type { Environment } from '../../src/config/yaml/environment.js'
import { RENAMED_KEYS } from '../../src/config/renamed-keys.js'
import { configSchema } from '../../src/config/schema.js'

const root = join(import.meta.dirname, '../..')
const reference = readFileSync(join(root, 'docs/configuration.md'), 'utf8')
const example = readFileSync(join(root, 'config/homeport.example.yaml'), 'utf8')

/** Names that the operator chooses, and their values: one key in the reference stands for all of them. */
const OPEN_ENDED = ['devices[].labels', 'traces.headers']

/** Every key that the schema knows, as the reference writes it: `devices[].id`, `roles.NAME.api`. */
function keysOfSchema(schema: z.core.$ZodType, at = ''): readonly string[] {
  if (OPEN_ENDED.includes(at)) return [at]
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([key, value]) =>
      keysOfSchema(value as z.core.$ZodType, at === '' ? key : `${at}.${key}`),
    )
  if (schema instanceof z.ZodPipe) return keysOfSchema(schema.in instanceof z.ZodTransform ? schema.out : schema.in, at)
  if (schema instanceof z.ZodArray) return hasKeys(schema.element) ? keysOfSchema(schema.element, `${at}[]`) : [at]
  if (schema instanceof z.ZodRecord) return keysOfSchema(schema.valueType, `${at}.NAME`)
  if (
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodReadonly
  )
    return keysOfSchema(schema.unwrap(), at)
  return [at]
}

function hasKeys(schema: z.core.$ZodType): boolean {
  return keysOfSchema(schema, 'x').some((key) => key !== 'x')
}

/** Every key that is written in a document; names that the operator chose become NAME. */
function keysOfDocument(value: unknown, at = ''): readonly string[] {
  if (OPEN_ENDED.includes(at) || value === null || typeof value !== 'object') return [at]
  if (Array.isArray(value)) {
    const inner = value.flatMap((item) => keysOfDocument(item, `${at}[]`))
    return inner.length > 0 && inner.every((key) => key !== `${at}[]`) ? inner : [at]
  }
  return Object.entries(value).flatMap(([key, held]) => {
    const name = at === 'roles' || at === 'credentials' ? 'NAME' : key
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
