import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RUNS } from '../nodes/runs.js'
import { packagesOfSetUp } from '../support/packages-of-set-up.js'
import { sectionsOf } from '../support/page-blocks.js'
import { rowsOf } from '../support/page-table.js'

const root = join(import.meta.dirname, '../..')
const sections = sectionsOf('supported.md')

function rowsBelow(heading: string): readonly (readonly string[])[] {
  const section = sections.find((each) => each.heading === heading)
  if (section === undefined) throw new Error(`docs/supported.md has no section ${heading}`)
  return rowsOf(section)
}

const tried = [...rowsBelow('Devices'), ...rowsBelow('Clients')]

/** What stands in backquotes. */
const words = (text: string): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)

describe('the page on what was tried', () => {
  it('names tests that are there', () => {
    const named = sections.flatMap(({ text }) => words(text)).filter((word) => word.startsWith('test/'))
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })

  it('says of every device and client which test has tried it', () => {
    expect(tried.length).toBeGreaterThan(20)
    expect(tried.filter(([, , , by = '']) => by !== 'the same' && words(by).length === 0)).toEqual([])
  })

  it('names packages that the set-up of the tests installs', () => {
    const installed = packagesOfSetUp()
    const named = tried.flatMap(([, , name = '']) => words(name))
    expect(named.length).toBeGreaterThan(15)
    expect(named.filter((name) => !installed.includes(name))).toEqual([])
  })

  it('has the versions of Node that CI runs', () => {
    const [, said = ''] = rowsBelow('Machines').find(([what]) => what === 'Node') ?? []
    for (const { version } of RUNS) expect(said).toContain(version)
    expect([...said.matchAll(/\d+\.\d+\.\d+/g)]).toHaveLength(RUNS.length)
  })

  it('has the version of what npm installs', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly devDependencies: Readonly<Record<string, string>>
    }
    const [, version] = tried.find(([client = '']) => client.includes('openapi-typescript')) ?? []
    expect(version).toBe(devDependencies['openapi-typescript'])
  })
})
