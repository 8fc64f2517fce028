import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  openAuditIndex,
  type AuditIndex,
  type AuditIndexOptions,
  type IndexThread,
} from '../../../src/audit/files/audit-index.js'
import type { AuditQuery } from '../../../src/audit/audit-query.js'
import { waitFor } from '../../e2e/parts/wait-for.js'
import { openIndexHere } from '../support/index-on-this-thread.js'
import { threadThatEnds } from '../support/thread-that-ends.js'

const noon = Date.UTC(2026, 2, 1, 12)
const day = 86_400_000
const retention = { keep: 1_000_000 * day, maxRows: 1_000_000 }

let directory: string
let file: string
let index: AuditIndex
const states: (string | undefined)[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-index-'))
  file = join(directory, 'record.db')
  states.length = 0
  index = open()
})
afterEach(async () => {
  await index.close()
  await rm(directory, { recursive: true, force: true })
})

function open(changed: Partial<Omit<AuditIndexOptions, 'start'>> = {}): AuditIndex {
  return openIndexHere({ file, retention, onState: (problem) => states.push(problem?.message), ...changed })
}

interface Line {
  readonly n: number
  readonly deviceId: string
  readonly user: string
}

function add(n: number, more: object = {}): void {
  const entry = {
    time: new Date(noon + n).toISOString(),
    event: 'rpc',
    user: `user${n % 3}`,
    deviceId: `router${n % 2}`,
    operation: n % 5 === 0 ? 'commit' : 'get',
    outcome: n % 7 === 0 ? 'lock-denied' : 'ok',
    n,
    ...more,
  }
  index.append(JSON.stringify(entry), entry)
}

async function found(query: Partial<AuditQuery>): Promise<readonly number[]> {
  const { lines } = await index.find({ limit: 1000, ...query })
  return lines.map((line) => (JSON.parse(line) as Line).n)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describe('lines of the audit log', () => {
  it('are found at once, the newest first', async () => {
    for (const n of upTo(5)) add(n)
    expect(await found({})).toEqual([4, 3, 2, 1, 0])
  })

  it.each([
    ['a device, in any case', { deviceId: 'ROUTER1' }, (n: number) => n % 2 === 1],
    ['a user', { user: 'user2' }, (n: number) => n % 3 === 2],
    ['an operation and an outcome', { operation: 'commit', outcome: 'lock-denied' }, (n: number) => n % 35 === 0],
    ['a time, to the millisecond', { since: noon + 10, until: noon + 20 }, (n: number) => n >= 10 && n < 20],
    ['an event', { event: 'session-opened' }, () => false],
    ['all of it', { deviceId: 'router0', user: 'user0', since: noon + 50 }, (n: number) => n % 6 === 0 && n >= 50],
  ])('of %s', async (_, query, fits) => {
    for (const n of upTo(100)) add(n)
    expect(await found(query)).toEqual(upTo(100).filter(fits).toReversed())
  })

  it('are turned over page by page, also those of one millisecond', async () => {
    for (const n of upTo(25)) add(n, { time: new Date(noon).toISOString() })
    const seen: number[] = []
    for (let query: AuditQuery | undefined = { limit: 10 }; query !== undefined; ) {
      const page = await index.find(query)
      seen.push(...page.lines.map((line) => (JSON.parse(line) as Line).n))
      query = page.next === undefined ? undefined : { limit: 10, after: page.next }
    }
    expect(seen).toEqual(upTo(25).toReversed())
  })

  it('hold what a client made up without harm', async () => {
    add(1, { user: `'; DROP TABLE record; --`, deviceId: '"\u{1F4A3}\\' })
    expect(await found({ user: `'; DROP TABLE record; --`, deviceId: '"\u{1F4A3}\\' })).toEqual([1])
  })

  it('are there after a restart', async () => {
    for (const n of upTo(2500)) add(n)
    await index.close()
    index = open()
    expect(await found({ limit: 5000 })).toHaveLength(2500)
  })
})

it('lines that an earlier version kept a row each are found still', async () => {
  await index.close()
  await rm(file, { force: true })
  const before = new Database(file)
  before.exec(`
    CREATE TABLE record (row INTEGER PRIMARY KEY, time INTEGER NOT NULL, event TEXT NOT NULL, device_id TEXT COLLATE NOCASE, user TEXT,
      session_id TEXT, operation TEXT, outcome TEXT, line TEXT NOT NULL) STRICT;
    PRAGMA user_version = 1`)
  const insert = before.prepare('INSERT INTO record (time, event, device_id, user, line) VALUES (?, ?, ?, ?, ?)')
  for (const n of upTo(100)) {
    const line = { time: new Date(noon + n).toISOString(), event: 'rpc', user: 'netops', deviceId: `Router${n % 2}`, n }
    insert.run([noon + n, 'rpc', line.deviceId, 'netops', JSON.stringify(line)])
  }
  before.close()
  index = open()
  add(101)
  expect(await found({ deviceId: 'router1', since: noon + 95 })).toEqual([101, 99, 97, 95])
  expect(await found({ user: 'netops' })).toHaveLength(100)
})

it('pages stay where they were while the oldest lines go', async () => {
  for (const n of upTo(3000)) add(n)
  const first = await index.find({ limit: 1500, deviceId: 'router1' })
  index.retain({ ...retention, maxRows: 1500 })
  add(3000)
  await waitFor('the oldest lines to go', async () => (await found({ limit: 5000 })).length === 1500)
  const last = JSON.parse(first.lines.at(-1) ?? '') as Line
  expect(last.n).toBe(1)
  const page = await index.find({ limit: 10, deviceId: 'router1' })
  const next = await index.find({
    limit: 10,
    deviceId: 'router1',
    ...(page.next === undefined ? {} : { after: page.next }),
  })
  expect([...page.lines, ...next.lines].map((line) => (JSON.parse(line) as Line).n)).toEqual(
    upTo(20).map((n) => 2999 - 2 * n),
  )
})

describe('what is kept', () => {
  it('is not older than it shall be', async () => {
    await index.close()
    index = open({ retention: { keep: day, maxRows: 1_000_000 } })
    add(0, { time: new Date(Date.now() - 2 * day).toISOString() })
    add(1, { time: new Date().toISOString() })
    await waitFor('the old line to go', async () => (await found({})).length === 1)
    expect(await found({})).toEqual([1])
  })

  it('is not more than it shall be, and changes with the configuration', async () => {
    for (const n of upTo(6000)) add(n)
    expect(await found({ limit: 10_000 })).toHaveLength(6000)
    index.retain({ ...retention, maxRows: 1000 })
    add(6000)
    await waitFor('the oldest lines to go', async () => (await found({ limit: 10_000 })).length === 1000)
    expect((await found({ limit: 10_000 })).at(-1)).toBe(5001)
  })
})

describe('when its file is of no use', () => {
  it('that is told once, and again when it has become better', async () => {
    await index.close()
    await rm(directory, { recursive: true })
    index = open()
    add(0)
    await expect(index.find({ limit: 1 })).rejects.toThrow(/record\.db/)
    add(1)
    await expect(index.find({ limit: 1 })).rejects.toThrow(/record\.db/)
    await mkdir(directory)
    add(2)
    expect(await found({})).toEqual([2])
    expect(states).toEqual([expect.stringContaining('record.db'), undefined])
  })

  it('because it lacks the tables of its number, that is told with what to do, and moving it away is enough', async () => {
    await index.close()
    await rm(file, { force: true })
    const hollow = new Database(file)
    hollow.exec('PRAGMA user_version = 1')
    hollow.close()
    index = open()
    add(0)
    await expect(index.find({ limit: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(/record\.db: its tables .* \(no such table: record\)/),
      cause: { reason: 'corrupt', hint: expect.stringMatching(/move it .* away/) },
    })
    expect(states).toEqual([expect.stringContaining('no such table: record')])
    await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(`${file}${suffix}`, { force: true })))
    add(1)
    expect(await found({})).toEqual([1])
  })

  it('because a newer version wrote it, it is left as it is', async () => {
    await index.find({ limit: 1 })
    await index.close()
    const newer = new Database(file)
    newer.exec('PRAGMA user_version = 99')
    newer.close()
    index = open()
    await expect(index.find({ limit: 1 })).rejects.toThrow(/newer Homeport/)
  })
})

it('a thread that ends says why, also by an error that is none of the engine’s', async () => {
  await index.close()
  const state = vi.fn<AuditIndexOptions['onState']>()
  index = openAuditIndex({ file, retention, onState: state, start: threadThatEnds })
  const sought = index.find({ limit: 1 })
  await expect(sought).rejects.toThrow('record.db: its thread ended (SQLITE_ERROR)')
  await expect(sought).rejects.toMatchObject({ cause: { hint: expect.stringContaining('restart the bridge') } })
})

it('lines that come faster than they can be written are left out, and that is told', async () => {
  await index.close()
  let handedOver = 0
  const never: IndexThread = {
    postMessage: (request) => (handedOver += request.kind === 'insert' ? request.block.count : 0),
    on: () => undefined,
  }
  const onState: AuditIndexOptions['onState'] = (problem) => states.push(problem?.message)
  const stuck = openAuditIndex({ file, retention, onState, start: () => never })
  for (let n = 0; n < 55_000; n += 1) stuck.append('{}', { time: new Date(noon).toISOString() })
  expect(handedOver).toBe(50_000)
  expect(states).toEqual([expect.stringContaining('more lines come')])
  index = open()
})
