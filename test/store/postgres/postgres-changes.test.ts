import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { readPostgresUrl } from '../../../src/lib/postgres-url.js'
import { type ChangeFeed, followChanges, type NotedChange } from '../../../src/store/postgres/postgres-changes.js'
import { openEngine, type PostgresEngine } from '../../../src/store/postgres/postgres-engine.js'
import { migrate } from '../../../src/store/postgres/postgres-schema.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'

let server: PostgresServer
let one: PostgresEngine
let other: PostgresEngine
let feed: ChangeFeed
let told: NotedChange[]

beforeAll(async () => {
  server = await startPostgresServer()
}, 60_000)
afterAll(() => server.remove())
beforeEach(async () => {
  const url = readPostgresUrl(await server.createDatabase())
  if (!url.ok) throw new Error(url.message)
  ;[one, other] = await Promise.all([openEngine(url.database), openEngine(url.database)])
  await migrate(one)
  told = []
})
afterEach(async () => {
  await feed.stop()
  await Promise.all([one.close(), other.close()])
})

/** Without looking back: what is committed late must be found all the same. */
async function follow(): Promise<void> {
  feed = await followChanges(one, {
    interval: 10,
    overlap: 0,
    tell: async (changes) => void told.push(...changes),
    onLooked: (error) => expect(error).toBeUndefined(),
  })
}

const note = (engine: PostgresEngine, ...keys: readonly string[]): Promise<void> =>
  engine.write(() =>
    Promise.resolve({ value: undefined, changed: keys.map((key) => ({ kind: 'enrolment' as const, key })) }),
  )

it('finds a change that is committed long after it was noted, and after later ones', async () => {
  await follow()
  let commit: () => void = () => undefined
  let noted: () => void = () => undefined
  const isNoted = new Promise<void>((resolve) => {
    noted = resolve
  })
  const late = other.writeLoosely(async (sql) => {
    await sql(`INSERT INTO change VALUES ('t', 0, 'enrolment', 'late', NULL, 'another', clock_timestamp())`)
    noted()
    await new Promise<void>((resolve) => {
      commit = resolve
    })
  })
  await isNoted
  for (const key of ['one', 'two', 'three']) {
    await note(other, key)
    await vi.waitFor(() => expect(told.at(-1)).toEqual({ deviceId: key }), 5_000)
  }
  commit()
  await late
  await vi.waitFor(() => expect(told.map(({ deviceId }) => deviceId)).toEqual(['one', 'two', 'three', 'late']), 5_000)
})

it('finds more than one statement gives, the last of each device alone, and none of its own', async () => {
  await note(other, 'before')
  await follow()
  await note(one, 'own')
  const keys = Array.from({ length: 2_500 }, (_, i) => `router${i}`)
  await note(other, ...keys, ...keys)
  await vi.waitFor(() => expect(told).toHaveLength(keys.length), 10_000)
  await note(other, 'last')
  await vi.waitFor(() => expect(told.at(-1)).toEqual({ deviceId: 'last' }), 5_000)
  expect(new Set(told.map(({ deviceId }) => deviceId))).toEqual(new Set([...keys, 'last']))
  expect(told).toHaveLength(keys.length + 1)
})

it('tells again what whoever is told could not take', async () => {
  let failures = 0
  const looks: boolean[] = []
  feed = await followChanges(one, {
    interval: 10,
    tell: async (changes) => {
      failures += 1
      if (failures < 3) throw new Error('not now')
      told.push(...changes)
    },
    onLooked: (error) => looks.push(error === undefined),
  })
  await note(other, 'router1')
  await vi.waitFor(() => expect(told).toEqual([{ deviceId: 'router1' }]), 5_000)
  await vi.waitFor(() =>
    expect(looks.slice(looks.indexOf(false), looks.indexOf(false) + 3)).toEqual([false, false, true]),
  )
})
