import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createBlockGatherer } from '../../../src/audit/files/audit-block.js'
import { openAuditDatabase, type AuditDatabase } from '../../../src/audit/files/audit-database.js'

const noon = Date.UTC(2026, 2, 1, 12)
const keep = 1e15

let directory: string
let database: AuditDatabase

function open(): AuditDatabase {
  const opened = openAuditDatabase(join(directory, 'record.db'), { busyTimeout: 1000 })
  if (opened === 'newer') throw new Error('newer')
  return opened
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-share-'))
  database = open()
})
afterEach(async () => {
  database.close()
  await rm(directory, { recursive: true, force: true })
})

/** Puts lines of these users in, one after another, so many in a block. */
function insert(users: readonly (string | undefined)[], inBlock = 1000, from = 0): void {
  for (let start = 0; start < users.length; start += inBlock) {
    const gathered = createBlockGatherer()
    for (const [at, user] of users.slice(start, start + inBlock).entries()) {
      const n = from + start + at
      const entry = { time: new Date(noon + n).toISOString(), event: 'rpc', ...(user === undefined ? {} : { user }), n }
      gathered.add(JSON.stringify(entry), entry)
    }
    database.insert(gathered.take())
  }
}

function prune(maxRows: number): void {
  while (database.prune({ keep, maxRows }, noon));
}

/** The numbers of a user's lines, the newest first. */
function left(user: string): readonly number[] {
  return database.find({ limit: 1_000_000, user }).lines.map((line) => (JSON.parse(line) as { readonly n: number }).n)
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

describe('where there are too many lines', () => {
  it('those of a user who has more than others go, however much newer they are', () => {
    insert(['ops', 'ops', ...times(20_000, 'poller'), 'ops', ...times(30_000, 'poller')])
    prune(5000)
    expect(left('ops')).toEqual([20_002, 1, 0])
    expect(left('poller')).toHaveLength(4997)
    expect(left('poller').at(-1)).toBe(50_002 - 4996)
  })

  it('that holds while lines come, and after a restart', () => {
    insert(times(10, 'ops'))
    for (let round = 0; round < 10; round += 1) {
      insert([...times(2000, 'poller'), 'ops'], 500, 10 + round * 2001)
      prune(1000)
      if (round === 5) {
        database.close()
        database = open()
      }
    }
    expect([left('ops').length, left('poller').length]).toEqual([20, 980])
  })

  it('the oldest go where nobody has more than others', () => {
    insert(Array.from({ length: 6000 }, (_, n) => `user${n % 3}`))
    prune(1000)
    const all = [0, 1, 2].flatMap((n) => left(`user${n}`))
    expect(all.toSorted((a, b) => b - a)).toEqual(Array.from({ length: 1000 }, (_, n) => 5999 - n))
  })

  it.each([1, 7, 250, 4096])('each keeps its newest, as many as all can have, in blocks of %d', (inBlock) => {
    // Numbers without order, the same each time.
    let seed = 1
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
    const sizes = [3, 40, 200, 900, 3000]
    const users = sizes.flatMap((size, at) => times(size, `user${at}`))
    const mixed = users.map((user) => ({ user, at: random() })).toSorted((a, b) => a.at - b.at)
    insert(
      mixed.map(({ user }) => user),
      inBlock,
    )
    const before = sizes.map((_, at) => left(`user${at}`))
    prune(1000)
    const after = sizes.map((_, at) => left(`user${at}`))
    // (1000 - 3 - 40 - 200) / 2 = 378.5
    expect(after.slice(0, 3).map((lines) => lines.length)).toEqual([3, 40, 200])
    expect(
      after
        .slice(3)
        .map((lines) => lines.length)
        .toSorted((a, b) => a - b),
    ).toEqual([378, 379])
    expect(after).toEqual(before.map((lines, at) => lines.slice(0, after[at]?.length)))
  })

  it('one of very many users does not take the lines of the others', () => {
    const users = Array.from({ length: 50 }, (_, n) => `user${n}`)
    insert(Array.from({ length: 5000 }, (_, n) => users[n % 50]))
    insert(times(20_000, 'poller'), 1000, 5000)
    prune(4000)
    const others = users.map((user) => left(user).length)
    expect(left('poller').length).toBeLessThan(120)
    expect(others.reduce((sum, lines) => sum + lines, 0)).toBeGreaterThan(3880)
    expect(Math.min(...others)).toBeGreaterThan(70)
  })

  it('lines of nobody go, too', () => {
    insert([...times(500, undefined), ...times(10, 'ops'), ...times(500, undefined)], 100)
    prune(10)
    expect(database.find({ limit: 5000 }).lines).toHaveLength(10)
  })

  it('a user whose name could be taken for a line counts for itself', () => {
    const odd = '","user":"ops'
    insert([...times(10, 'ops'), ...times(3000, odd)], 100)
    prune(100)
    expect([left('ops').length, left(odd).length]).toEqual([10, 90])
  })
})
