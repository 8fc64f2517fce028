import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { keysOfSchema } from '../../src/config/keys-of-schema.js'
import { configSchema } from '../../src/config/schema.js'
import { CALL_HOME_REFUSALS } from '../../src/fleet/refusals/call-home.js'
import { CLIENT_REFUSALS, HTTP_CLIENT_REFUSALS, JUMP_REFUSALS } from '../../src/fleet/refusals/clients.js'
import { SESSION_REFUSALS } from '../../src/fleet/refusals/sessions.js'

const root = join(import.meta.dirname, '../..')
const known = keysOfSchema(configSchema('/', { lookup: () => ({ kind: 'unset' }) }))
const isKnown = (name: string): boolean => known.some((key) => key === name || key.startsWith(`${name}.`))

/** The sections that messages name keys of. */
const SECTIONS = ['call-home', 'endpoint', 'link', 'trust', 'sources', 'login-limits', 'audit', 'traces']
const KEY = new RegExp(
  `(?<![\\w./-])(?:(?:${SECTIONS.join('|')})|(?:devices|users|webhooks)\\[\\])(?:\\.[a-z][a-z-]*)+`,
  'g',
)

/** The keys that texts of a file name: what stands in quotes, without what code does to it. */
function keysIn(text: string): readonly string[] {
  return [...text.matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g)]
    .map(([quoted]) => quoted.replaceAll(/\$\{[^}]*\}/g, ' '))
    .filter((quoted) => !/^'\.{1,2}\//.test(quoted))
    .flatMap((quoted) => quoted.match(KEY) ?? [])
}

it('every key of the configuration that a message names is one', () => {
  const files = readdirSync(join(root, 'src'), { encoding: 'utf8', recursive: true }).filter((name) =>
    name.endsWith('.ts'),
  )
  const named = files.flatMap((name) =>
    keysIn(readFileSync(join(root, 'src', name), 'utf8')).map((key) => ({ name, key })),
  )
  expect(named.length).toBeGreaterThan(80)
  // A drawing in a comment names a file.
  expect(named.filter(({ key }) => !key.endsWith('.ts') && !isKnown(key))).toEqual([])
})

/** Facts that entries make their texts of, whatever they are. */
const BRIDGES = { whose: 'bridge', most: 10, key: 'link.max-sessions' } as const
const FACTS: Readonly<Record<string, readonly unknown[]>> = {
  'link-full': ['router1', { limit: BRIDGES, links: 1 }],
  'session-queue-full': ['router1', { limit: BRIDGES, links: 2 }, 32],
  'channel-unanswered': ['router1', { kind: 'shell' }, 'nothing came'],
  'too-many-pending': [{ message: 'm', hint: 'h' }],
  'initiation-too-long': [8192],
}

const LIMITS = /^(?:too-many-|session-queue-full|link-full|channel-unanswered|penalised|gave-way|.*-timeout$)/
/** Those whose limit nobody can change. */
const FIXED: readonly string[] = []

it('every refusal for a limit names the key that changes it', () => {
  const entries = [CALL_HOME_REFUSALS, CLIENT_REFUSALS, HTTP_CLIENT_REFUSALS, JUMP_REFUSALS, SESSION_REFUSALS]
    .flatMap((catalogue) => Object.entries(catalogue as Record<string, { readonly text: unknown }>))
    .filter(([reason]) => LIMITS.test(reason) && !FIXED.includes(reason))
  expect(entries.length).toBeGreaterThan(20)
  for (const [reason, { text }] of entries) {
    const said = typeof text === 'function' ? text(...(FACTS[reason] ?? ['login', 3])) : text
    const { message, hint = '' } = said as { readonly message: string; readonly hint?: string }
    const keys = `${message}; ${hint}`.match(KEY) ?? []
    expect(keys.filter(isKnown), `${reason}: ${message}; ${hint}`).not.toEqual([])
  }
})
