import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { reasonsOf } from '../../src/lib/refusal.js'
import { CALL_HOME_REFUSALS } from '../../src/fleet/refusals/call-home.js'
import { CLIENT_REFUSALS, HTTP_CLIENT_REFUSALS, JUMP_REFUSALS } from '../../src/fleet/refusals/clients.js'
import { LINK_END_REASONS, LINK_ENDS } from '../../src/fleet/refusals/link-ends.js'
import { LOGIN_REFUSALS } from '../../src/fleet/refusals/logins.js'
import { RIGHT_ENDS, VIOLATIONS } from '../../src/fleet/refusals/session-ends.js'
import { SESSION_REFUSALS } from '../../src/fleet/refusals/sessions.js'

const root = join(import.meta.dirname, '../..')
const page = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8')

/** The words in backticks of some pages, so that a reason that is named there is found by whoever searches for it. */
function named(...pages: string[]): ReadonlySet<string> {
  return new Set(pages.flatMap((name) => [...page(name).matchAll(/`([a-z][a-z0-9-]*)`/g)].map(([, word = '']) => word)))
}

/** The source of some rooms, file by file. */
function sources(...rooms: string[]): readonly string[] {
  return rooms.flatMap((room) =>
    readdirSync(join(root, 'src', room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(root, 'src', room, name), 'utf8')),
  )
}

function words(texts: readonly string[], pattern: RegExp): readonly string[] {
  return texts.flatMap((text) => [...text.matchAll(pattern)].map(([, word = '']) => word))
}

/** The words that a type made of words alone may be: `export type XReason = 'a' | 'b'`. */
function wordsOfTypes(texts: readonly string[], name: RegExp): readonly string[] {
  return texts.flatMap((text) =>
    [...text.matchAll(/^(?:export )?type (\w+) =((?:\s+(?:\||'[a-z-]+'|\w+|\/\*\*.*\*\/))+)/gm)]
      .filter(([, type = '']) => name.test(type))
      .flatMap(([, , union = '']) => words([union], /'([a-z-]+)'/g)),
  )
}

const rooms = sources('southbound', 'fleet', 'trust', 'access', 'northbound')
const reasons = new Set<string>([
  ...[CALL_HOME_REFUSALS, LINK_ENDS, SESSION_REFUSALS, RIGHT_ENDS, VIOLATIONS, CLIENT_REFUSALS, JUMP_REFUSALS].flatMap(
    (entries) => Object.keys(entries),
  ),
  ...reasonsOf(HTTP_CLIENT_REFUSALS),
  ...reasonsOf(LOGIN_REFUSALS),
  ...words(rooms, /\breason(?::| =) '([a-z][a-z0-9-]*)'/g),
  ...words(rooms, /\brefuse\(\s*'([a-z]+(?:-[a-z]+)*)'/g),
  ...wordsOfTypes(rooms, /Reason$/),
  ...wordsOfTypes(sources('ssh'), /^CertificateRefusalReason$/),
])

describe('every refusal', () => {
  it('that the log names by a reason is in the documentation', () => {
    // So few would mean that the patterns above find no reasons any more.
    expect(reasons.size).toBeGreaterThan(80)
    const documented = named('troubleshooting.md', 'http.md', 'http-serving.md', 'users.md', 'reaching-a-device.md')
    // Those of a host certificate stand in the log as `certificate-expired`, and in one row of the table as `expired`.
    const missing = [...reasons].filter((reason) => !documented.has(reason.replace(/^certificate-/, '')))
    expect(missing.toSorted()).toEqual([])
  })

  it('of the HTTP API by a problem type is in the documentation', () => {
    const [causes = ''] = sources('northbound/http').filter((text) => text.includes('const causes = {'))
    const types = [
      ...words([causes], /^ {2}'([a-z-]+)': \{ status: \d+, title: /gm),
      ...words(sources('northbound/http'), /urn:homeport:problem:([a-z]+(?:-[a-z]+)*)'/g),
      ...words(sources('northbound/http/jobs'), /\bproblem\(\s*\d+,\s*'([a-z-]+)'/g),
    ]
    expect(types.length).toBeGreaterThan(50)
    const documented = named('http.md', 'http-serving.md', 'troubleshooting.md')
    expect([...new Set(types)].filter((type) => !documented.has(type)).toSorted()).toEqual([])
  })

  it('of a link that ends is in the documentation', () => {
    const [row = ''] = page('monitoring.md').match(/^\| `homeport_links_ended_total`.*$/m) ?? []
    const section =
      page('troubleshooting.md')
        .split(/^## /m)
        .find((text) => text.startsWith('A link ends')) ?? ''
    for (const text of [row, section]) {
      const told = words([text], /`([a-z][a-z-]*)`/g)
      expect(LINK_END_REASONS.filter((reason) => !told.includes(reason))).toEqual([])
    }
  })

  it('in the tables of docs/troubleshooting.md is one that the code knows', () => {
    const known =
      [...reasons].map((reason) => `'${reason.replace(/^certificate-/, '')}'`).join('\n') +
      sources('southbound', 'fleet', 'trust', 'access', 'northbound', 'ssh', 'cli').join('\n')
    const cells = words([page('troubleshooting.md')], /^\| ([^|]*`[^|]*)\|/gm)
    const listed = words(cells, /`([a-z][a-z-]*)`/g)
    expect(listed.length).toBeGreaterThan(60)
    expect(listed.filter((reason) => !known.includes(`'${reason}'`))).toEqual([])
  })
})
