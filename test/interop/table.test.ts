import { describe, expect, it } from 'vitest'
import { BEGIN, END, linesOf, tablesOf, withoutVersions, withTables } from './table.js'
import { type Outcome, type PeerOutcomes, surprisesOf, type Trial, tryEach } from './trial.js'

const version = async (): Promise<string> => '1.0'

function outcomesOf(went: Readonly<Partial<Record<Trial, Outcome['went']>>>, peer = {}): PeerOutcomes {
  const outcomes = Object.entries(went).map(([trial, how]) => ({ trial: trial as Trial, went: how, seconds: 0 }))
  return { peer: { name: 'stone', version, ...peer }, version: '1.0', outcomes }
}

describe('a run of the matrix fails', () => {
  it('for what goes wrong and was not known', () => {
    expect(surprisesOf(outcomesOf({ bulk: 'wrong', idle: 'well' }))).toEqual(['stone, 3 MB both ways: failed'])
  })

  it('for what works although it was known not to', () => {
    const known = outcomesOf({ idle: 'well' }, { cannot: { idle: 'it sleeps' } })
    expect(surprisesOf(known)).toEqual(['stone, idle: works, although it is said that it sleeps'])
  })

  it('for nothing else', () => {
    const known = { cannot: { idle: 'it sleeps' }, without: { agent: 'it has none' } }
    expect(surprisesOf(outcomesOf({ idle: 'wrong', agent: 'untried', bulk: 'well' }, known))).toEqual([])
  })
})

describe('each trial', () => {
  it('is made although one before it failed, but for those that a peer is without', async () => {
    const made: string[] = []
    const peer = { name: 'stone', version, without: { agent: 'it has none' } }
    const outcomes = await tryEach(peer, [
      ['password', () => Promise.reject(new Error('broken'))],
      ['agent', async () => void made.push('agent')],
      ['bulk', async () => void made.push('bulk')],
    ])
    expect(made).toEqual(['bulk'])
    expect(outcomes.map(({ went, fault }) => [went, fault])).toEqual([
      ['wrong', 'broken'],
      ['untried', undefined],
      ['well', undefined],
    ])
  })
})

describe('the page', () => {
  const peers = [outcomesOf({ password: 'well', idle: 'wrong' }, { cannot: { idle: 'it sleeps' } })]
  const tables = tablesOf([{ heading: 'As devices', peers }])

  it('has a row for each peer, and why there is a no', () => {
    expect(tables).toContain('## As devices')
    expect(tables).toMatch(/^\| stone \| 1\.0 \| yes \| no \|/m)
    expect(tables).toContain('- **stone**: idle: it sleeps.')
    expect(linesOf(tables, peers[0] as PeerOutcomes)).toHaveLength(3)
  })

  it('stays right when a peer is updated, as long as it can do the same', () => {
    const updated = tables.replace('| stone | 1.0 |', '| stone | 1.1-2 |')
    expect(updated).not.toBe(tables)
    expect(withoutVersions(updated)).toBe(withoutVersions(tables))
    expect(withoutVersions(tables.replace('| yes |', '| no |'))).not.toBe(withoutVersions(tables))
  })

  it('gets them between its markers, and nowhere else', () => {
    const page = `above\n${BEGIN}\nold\n${END}\nbelow\n`
    const written = withTables(page, tables)
    expect(written.startsWith(`above\n${BEGIN}\n\n## As devices`)).toBe(true)
    expect(written.endsWith(`${END}\nbelow\n`)).toBe(true)
    expect(written).not.toContain('old')
    expect(withTables(written, tables)).toBe(written)
  })

  it('is refused without them', () => {
    expect(() => withTables('nothing', tables)).toThrow(/lacks/)
  })
})
