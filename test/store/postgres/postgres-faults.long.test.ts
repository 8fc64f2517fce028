import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openEngine, type Sql } from '../../../src/store/postgres/postgres-engine.js'
import { readPostgresUrl } from '../../../src/lib/postgres-url.js'
import type { Enrolment } from '../../../src/store/enrolment.js'
import type { Store, WrittenEnrolment } from '../../../src/store/store.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { makePostgresRoom, type PostgresRoom } from '../postgres-room.js'
import { bare, full, noon, put, written } from '../store-room.js'
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.js'

/** Short, because a test waits for them to pass. */
const limits = { connectTimeout: 3_000, statementTimeout: 2_000, patience: 6_000, settleTimeout: 2_000 }

let server: PostgresServer
let proxy: CuttingProxy
let room: PostgresRoom
let store: Store
let told: WrittenEnrolment[]

beforeAll(async () => {
  // What some set for speed, and a writer that hardly writes: without a word of ours a kill would lose what was said.
  server = await startPostgresServer({ settings: { synchronous_commit: 'off', wal_writer_delay: '10s' } })
  proxy = await startCuttingProxy(server)
}, 60_000)
afterAll(async () => {
  await proxy.stop()
  await server.remove()
})
beforeEach(async () => {
  proxy.heal()
  room = await makePostgresRoom(server, proxy.through)
  store = await room.open({ limits })
  told = []
  store.enrolments.subscribe((change) => told.push(change))
})
afterEach(() => room.remove())

/** Adds one to what a label counts. */
function increment(current: Enrolment | undefined): Enrolment {
  const enrolment = current ?? bare('router1')
  return { ...enrolment, labels: { ...enrolment.labels, sum: String(Number(enrolment.labels.sum ?? 0) + 1) } }
}

describe('an engine that goes away', () => {
  it('in the middle of a change makes it `unavailable`, and leaves everything as it was', async () => {
    await put(store, full('router1'))
    const answer = await store.enrolments.update('router1', (current) => {
      proxy.cut()
      return increment(current)
    })
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'unavailable' } })
    expect(store.problem()).toMatchObject({ reason: 'unavailable' })
    await expect(store.enrolments.get('router1')).rejects.toMatchObject({ cause: { reason: 'unavailable' } })
    proxy.heal()
    expect(await store.enrolments.get('router1')).toStrictEqual(full('router1'))
    written(await store.enrolments.update('router1', increment))
    expect(store.problem()).toBeUndefined()
    expect(told.map(({ enrolment }) => enrolment?.labels.sum)).toEqual([undefined, '1'])
  })

  it('for a moment, with the connections, is not noticed', async () => {
    await put(store, full('router1'))
    await server.kill()
    await server.start()
    expect(await store.enrolments.get('router1')).toStrictEqual(full('router1'))
    written(await store.enrolments.update('router1', increment))
  })

  it('keeps what was seen meanwhile for when it is back', async () => {
    await put(store, bare('router1'))
    const second = await room.open({ limits, touchInterval: 20 })
    proxy.cut()
    second.enrolments.touch('router1', { at: noon, address: '192.0.2.1' })
    await vi.waitFor(
      () => expect(room.problems).toContainEqual(expect.objectContaining({ reason: 'unavailable' })),
      5_000,
    )
    proxy.heal()
    await vi.waitFor(async () => expect((await store.enrolments.get('router1'))?.lastSeen).toEqual(noon), 5_000)
  })

  it('tells of what others have written meanwhile once it is back', async () => {
    const other = await (await openDirectly()).open()
    proxy.cut()
    await vi.waitFor(() => expect(room.problems).toHaveLength(1), 5_000)
    expect(store.problem()).toMatchObject({ reason: 'unavailable' })
    await put(other, full('router1'))
    proxy.heal()
    await vi.waitFor(() => expect(told).toEqual([{ deviceId: 'router1', enrolment: full('router1') }]), 5_000)
    // Once while it was away, however often it was looked for.
    expect(room.problems).toHaveLength(1)
    await vi.waitFor(() => expect(store.problem()).toBeUndefined())
    await other.close()
  })

  it('stands still: calls answer `unavailable` in their time, and go on afterwards', async () => {
    await put(store, full('router1'))
    const thaw = await server.freeze()
    try {
      const began = performance.now()
      expect(await store.enrolments.update('router1', increment)).toMatchObject({
        ok: false,
        failure: { reason: 'unavailable' },
      })
      await expect(store.enrolments.get('router1')).rejects.toMatchObject({ cause: { reason: 'unavailable' } })
      expect(performance.now() - began).toBeLessThan(20_000)
    } finally {
      thaw()
    }
    await vi.waitFor(async () => written(await store.enrolments.update('router1', (current) => current)), 10_000)
    expect((await store.enrolments.get('router1'))?.labels.sum).toBeUndefined()
  })

  it('by kill -9 has lost nothing of what was acknowledged', async () => {
    for (const changes of [1, 30, 111]) {
      const acknowledged: string[] = []
      let killed: Promise<void> | undefined
      for (;;) {
        const id = `kill-${changes}-${acknowledged.length}`
        const answer = await store.enrolments.update(id, () => full(id))
        if (!answer.ok) break
        acknowledged.push(id)
        if (acknowledged.length === changes) killed = server.kill()
      }
      await killed
      await server.start()
      expect(acknowledged.length).toBeGreaterThanOrEqual(changes)
      const found = new Set((await store.enrolments.list()).map(({ deviceId }) => deviceId))
      expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
    }
  })
})

describe('a commit whose answer is lost', () => {
  it('and that was written is answered as such, once', async () => {
    await put(store, full('router1'))
    let calls = 0
    const cut = proxy.cutAtCommit('after')
    const answer = await store.enrolments.update('router1', (current) => {
      calls += 1
      return increment(current)
    })
    await cut
    expect(written(answer)?.labels.sum).toBe('1')
    expect(calls).toBe(1)
    expect((await store.enrolments.get('router1'))?.labels.sum).toBe('1')
  })

  it('and that was not written is done once more', async () => {
    let calls = 0
    const cut = proxy.cutAtCommit('before')
    const answer = await store.enrolments.update('router1', (current) => {
      calls += 1
      return increment(current)
    })
    await cut
    expect(written(answer)?.labels.sum).toBe('1')
    expect(calls).toBe(2)
    expect((await store.enrolments.get('router1'))?.labels.sum).toBe('1')
    expect(told).toHaveLength(1)
  })

  it.each([
    ['made, and is made once', 'after', 'router1', full('router1')],
    ['removed, and is removed', 'after', 'router2', undefined],
    ['not removed, and is then', 'before', 'router2', undefined],
  ] as const)('of what is %s', async (_what, when, deviceId, next) => {
    await put(store, full('router2'))
    const cut = proxy.cutAtCommit(when)
    expect(written(await store.enrolments.update(deviceId, () => next))).toStrictEqual(next)
    await cut
    expect(await store.enrolments.get(deviceId)).toStrictEqual(next)
  })

  it('of a job that begins: it is its own', async () => {
    const owner = { realm: 'local' as const, name: 'ann' }
    const job = { id: 'job1', deviceId: 'r', owner, createdAt: noon, expiresAt: noon, request: {} }
    written(await store.jobs.put({ ...job, state: 'queued' }))
    const cut = proxy.cutAtCommit('after')
    expect(written(await store.jobs.begin('job1', noon))?.state).toBe('running')
    await cut
  })

  it('is said to be unknown while the engine stays away, and what came of it is told afterwards', async () => {
    await put(store, full('router1'))
    const cut = proxy.cutAtCommit('after', true)
    const answer = await store.enrolments.update('router1', increment, 'me')
    await cut
    expect(answer).toMatchObject({
      ok: false,
      failure: { reason: 'unavailable', message: expect.stringContaining('whether it was written is not known') },
    })
    expect(told).toHaveLength(1)
    proxy.heal()
    // As another's, since its writer was told that it may not be there.
    const value = { ...full('router1'), labels: { ...full('router1').labels, sum: '1' } }
    await vi.waitFor(() => expect(told.slice(1)).toEqual([{ deviceId: 'router1', enrolment: value }]), 5_000)
  })

  it('because it waits for a standby that is gone promises nothing, and is told once it is sure', async () => {
    await put(store, full('router1'))
    await withoutStandby(async () => {
      expect(await store.enrolments.update('router1', increment)).toMatchObject({
        ok: false,
        failure: { reason: 'unavailable', message: expect.stringContaining('not known') },
      })
      expect((await store.enrolments.get('router1'))?.labels.sum).toBeUndefined()
    })
    await vi.waitFor(() => expect(told.at(-1)?.enrolment?.labels.sum).toBe('1'), 5_000)
  })

  it('because somebody has ended its waiting for a standby promises nothing, though it is there', async () => {
    await put(store, full('router1'))
    await withoutStandby(async () => {
      const answering = store.enrolments.update('router1', increment)
      const waits = `FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
      await vi.waitFor(async () => expect(await server.sql(`SELECT count(*) ${waits}`)).toBe('1'), 2_000)
      await server.sql(`SELECT pg_cancel_backend(pid) ${waits}`)
      expect(await answering).toMatchObject({
        ok: false,
        failure: { reason: 'unavailable', message: expect.stringContaining('no synchronous standby has it yet') },
      })
    })
    await vi.waitFor(() => expect(told.at(-1)?.enrolment?.labels.sum).toBe('1'), 5_000)
  })
})

describe('transactions that are in the way of each other', () => {
  it('in a circle are done anew', async () => {
    await room.sql('CREATE TABLE circle (id TEXT PRIMARY KEY, n INTEGER); GRANT ALL ON circle TO PUBLIC')
    await room.sql(`INSERT INTO circle VALUES ('a', 0), ('b', 0)`)
    const url = readPostgresUrl(room.url)
    if (!url.ok) throw new Error(url.message)
    const engine = await openEngine(url.database)
    const arrivals: (() => void)[] = []
    /** Both have their first row before either wants its second, the first time. */
    const meet = (): Promise<void> =>
      new Promise((resolve) => {
        arrivals.push(resolve)
        if (arrivals.length >= 2) for (const go of arrivals) go()
      })
    let tries = 0
    const both = (first: string, second: string) => async (sql: Sql) => {
      tries += 1
      await sql('UPDATE circle SET n = n + 1 WHERE id = $1', [first])
      await meet()
      await sql('UPDATE circle SET n = n + 1 WHERE id = $1', [second])
      return { value: undefined, changed: [{ kind: 'enrolment' as const, key: first }] }
    }
    await Promise.all([engine.write(both('a', 'b')), engine.write(both('b', 'a'))])
    expect(await room.sql('SELECT n FROM circle ORDER BY id')).toBe('2\n2')
    expect(tries).toBe(3)
    await engine.close()
  })

  it('take no more connections than they may, and none waits without end', async () => {
    const narrow = await room.open({ limits: { ...limits, connections: 2 } })
    await store.close()
    const ids = Array.from({ length: 200 }, (_, i) => `router${i}`)
    const counted: number[] = []
    const changes = ids.map((id) => narrow.enrolments.update(id, () => bare(id)))
    for (let look = 0; look < 5; look += 1)
      counted.push(
        Number(
          await server.sql(
            `SELECT count(*) FROM pg_stat_activity WHERE datname = '${new URL(room.url).pathname.slice(1)}'`,
          ),
        ),
      )
    expect((await Promise.all(changes)).filter(({ ok }) => !ok)).toEqual([])
    // Two, and the one for what may not wait.
    expect(Math.max(...counted)).toBeLessThanOrEqual(3)
  })

  it('wait for one that holds a device, and no longer than they may', async () => {
    await put(store, full('router1'))
    const url = readPostgresUrl(room.url)
    if (!url.ok) throw new Error(url.message)
    const engine = await openEngine(url.database)
    let release: () => void = () => undefined
    let locked: () => void = () => undefined
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve
    })
    const holding = engine.writeLoosely(async (sql) => {
      await sql(`SELECT 1 FROM enrolment WHERE device_id = 'router1' FOR UPDATE`)
      locked()
      await new Promise<void>((resolve) => {
        release = resolve
      })
    })
    await isLocked
    expect(await store.enrolments.update('router1', increment)).toMatchObject({
      ok: false,
      failure: { reason: 'unavailable', hint: expect.stringContaining('pg_stat_activity') },
    })
    release()
    await holding
    written(await store.enrolments.update('router1', increment))
    await engine.close()
  })
})

/** What goes on while every commit waits for a standby that is not there. */
async function withoutStandby(work: () => Promise<void>): Promise<void> {
  const reload = async (names: string): Promise<void> => {
    await server.sql('SELECT pg_reload_conf()')
    await vi.waitFor(async () => expect(await server.sql('SHOW synchronous_standby_names')).toBe(names), 5_000)
  }
  await server.sql(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
  await reload('nobody')
  try {
    await work()
  } finally {
    await server.sql('ALTER SYSTEM RESET synchronous_standby_names')
    await reload('')
  }
}

/** The same data without the proxy. */
async function openDirectly(): Promise<PostgresRoom> {
  const { pathname } = new URL(room.url)
  const own = await makePostgresRoom(server)
  const options = { ...room.options, url: server.url(pathname.slice(1)) }
  return { ...own, options, open: (changed = {}) => own.open({ ...options, ...changed }) }
}
