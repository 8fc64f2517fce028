import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PEER_REFUSALS } from '../../src/cluster/peer-refusals.js'
import { COUNTED_REASONS, REFUSALS } from '../../src/fleet/refusals/catalogue.js'
import { reasonsOf, type RefusalEntries } from '../../src/lib/refusal.js'

const root = join(import.meta.dirname, '../..')
const page = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8')

/** With what has nothing to do with devices or clients. */
const CATALOGUE = { ...REFUSALS, peers: PEER_REFUSALS }

/** The heading in docs/troubleshooting.md below which the reasons of each part of the catalogue have their table. */
const HEADINGS: Readonly<Record<keyof typeof CATALOGUE, string>> = {
  callHome: 'A device does not attach: `call refused`',
  linkEnds: 'A link ends: `link detached`, `link replaced`',
  sessions: 'A client gets no session: `session refused`',
  sessionEnds: 'A session is ended: `session ended`',
  clients: 'A client is not served: `client refused`',
  httpClients: 'A client of the HTTP API is not served: `client refused`',
  jumps: 'A client reaches no device through its connection: `jump refused`',
  logins: 'Logins',
  peers: 'A node has no connection with another: `peer not reached`, `peer refused`, `peer lost`',
}
const parts = Object.entries(HEADINGS) as [keyof typeof CATALOGUE, string][]

/** The words in backticks in the first cells of the tables below a heading. */
function listedBelow(heading: string): readonly string[] {
  const section = page('troubleshooting.md')
    .split(/^## /m)
    .find((text) => text.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`docs/troubleshooting.md has no heading ${heading}`)
  const cells = wordsIn(section, /^\| ([^|]*`[^|]*)\|/gm)
  return cells.flatMap((cell) => wordsIn(cell, /`([a-z][a-z0-9-]*)`/g)).filter((word) => !isLevel(word))
}

const isLevel = (word: string): boolean => word === 'debug'

function wordsIn(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([, word = '']) => word)
}

/** The source of the product without the catalogue. */
const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('fleet/refusals/') && !name.endsWith('-refusals.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n')

describe('the catalogue of refusals', () => {
  it.each(parts)('has in docs/troubleshooting.md a row for each reason, and no other: %s', (part, heading) => {
    const listed = listedBelow(heading)
    expect(listed.toSorted()).toEqual(reasonsOf<RefusalEntries>(CATALOGUE[part]).toSorted())
  })

  it('has no reason that the code does not give', () => {
    const reasons = parts.flatMap(([part]) => reasonsOf<RefusalEntries>(CATALOGUE[part]))
    // Those of a host certificate are made of the words for any certificate.
    const given = (reason: string): boolean =>
      [reason, reason.replace(/^certificate-/, '')].some((word) => source.includes(`'${word}'`))
    expect(reasons.filter((reason) => !given(reason))).toEqual([])
  })

  it('has words that may be values of labels', () => {
    const reasons = Object.values(COUNTED_REASONS).flat()
    expect(reasons.length).toBeGreaterThan(100)
    expect(reasons.filter((reason) => !/^[a-z][a-z0-9-]{0,47}$/.test(reason))).toEqual([])
  })

  it('has each reason why a link ends in docs/monitoring.md', () => {
    const [row = ''] = page('monitoring.md').match(/^\| `homeport_links_ended_total`.*$/m) ?? []
    const listed = wordsIn(row, /`([a-z][a-z-]*)`/g).filter((word) => word !== 'reason')
    expect(listed.toSorted()).toEqual(COUNTED_REASONS.linkEnds.toSorted())
  })
})
