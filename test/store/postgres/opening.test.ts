import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readPostgresUrl } from '../../../src/lib/postgres-url.js'
import { openEngine, type PostgresEngine } from '../../../src/store/postgres/postgres-engine.js'
import { migrate, MIGRATIONS } from '../../../src/store/postgres/postgres-schema.js'
import { openPostgresStore, type PostgresStoreOptions } from '../../../src/store/postgres/postgres-store.js'
import type { Job } from '../../../src/store/job.js'
import { freePort } from '../../e2e/parts/free-port.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { makePostgresRoom, type PostgresRoom } from '../postgres-room.js'
import { bare, full, noon, put, written } from '../store-room.js'

let server: PostgresServer
let room: PostgresRoom

beforeAll(async () => {
  server = await startPostgresServer()
}, 60_000)
afterAll(() => server.remove())
beforeEach(async () => {
  room = await makePostgresRoom(server)
})
afterEach(() => room.remove())

async function failureOf(changed: Partial<PostgresStoreOptions>): Promise<unknown> {
  const opened = await openPostgresStore({ ...room.options, ...changed })
  if (opened.ok) await opened.store.close()
  return opened.ok ? undefined : opened.failure
}

describe('what cannot be opened says why, and never shows the password', () => {
  const changed = (change: (url: URL) => void): string => {
    const url = new URL(room.url)
    change(url)
    return url.href
  }

  it.each([
    ['a wrong password', (url: URL) => (url.password = 'hunter2'), 'lets nobody in by this URL'],
    ['a user that is not there', (url: URL) => (url.username = 'stranger'), 'lets nobody in by this URL'],
    ['a database that is not there', (url: URL) => (url.pathname = '/nowhere'), 'lets nobody in by this URL'],
    [
      'a server that has no TLS',
      (url: URL) => url.searchParams.set('sslmode', 'verify-full'),
      'no TLS with the database',
    ],
    [
      'a CA that is not there',
      (url: URL) => (url.search = '?sslmode=verify-full&sslrootcert=/no/ca.pem'),
      '/no/ca.pem',
    ],
  ])('%s', async (_what, change, message) => {
    const failure = await failureOf({ url: changed(change) })
    expect(failure).toMatchObject({ reason: 'unavailable', message: expect.stringContaining(message) })
    expect(JSON.stringify(failure)).not.toMatch(/hunter2|p@ss|p%40ss/)
  })

  it('nobody there', async () => {
    const port = await freePort()
    expect(await failureOf({ url: changed((url) => (url.port = String(port))) })).toEqual({
      reason: 'unavailable',
      message: expect.stringMatching(
        new RegExp(`^postgres://127.0.0.1:${port}/homeport_\\d+: the database cannot be reached .*ECONNREFUSED`),
      ),
      hint: expect.any(String),
    })
  })

  it('no URL', async () => {
    expect(await failureOf({ url: 'mysql://a:hunter2@b/c' })).toMatchObject({
      message: expect.not.stringContaining('hunter2'),
      hint: expect.stringContaining('postgres://'),
    })
  })

  it('a database of another program', async () => {
    await room.sql('CREATE TABLE enrolment (id INTEGER); ALTER TABLE enrolment OWNER TO homeport')
    expect(await failureOf({})).toMatchObject({
      reason: 'corrupt',
      hint: expect.stringContaining('a database of its own'),
    })
  })

  it('a user that may not write', async () => {
    await (await room.open()).close()
    await room.sql(`DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'r'; EXCEPTION WHEN duplicate_object THEN END $$`)
    await room.sql('GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader')
    const url = changed((each) => {
      each.username = 'reader'
      each.password = 'r'
    })
    expect(await failureOf({ url })).toMatchObject({ reason: 'read-only' })
  })
})

describe('the schema', () => {
  let engines: PostgresEngine[] = []
  const engineOf = async (): Promise<PostgresEngine> => {
    const url = readPostgresUrl(room.url)
    if (!url.ok) throw new Error(url.message)
    const engine = await openEngine(url.database)
    engines.push(engine)
    return engine
  }
  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.close()))
    engines = []
  })
  const next = (sql: string, minReader = 1) => [...MIGRATIONS, { sql, minReader }]

  it('is brought up to date once by several nodes that begin at once', async () => {
    const steps = next('CREATE TABLE once (id INTEGER)')
    // Which of them is in the way of which is a matter of luck.
    for (let round = 0; round < 10; round += 1) {
      room = await makePostgresRoom(server)
      const six = await Promise.all(Array.from({ length: 6 }, engineOf))
      const migrated = await Promise.all(six.map((engine) => migrate(engine, steps)))
      expect(migrated).toEqual(migrated.map(() => ({ ok: true })))
      expect(await room.sql('SELECT version, min_reader FROM schema_version')).toBe(`${steps.length}|1`)
      await Promise.all(engines.splice(0).map((engine) => engine.close()))
    }
  })

  it('is left as it was where a step fails, and goes on from there', async () => {
    await migrate(await engineOf())
    const before = await room.sql('SELECT version FROM schema_version')
    const broken = [...next('CREATE TABLE half (id INTEGER)'), { sql: 'no SQL at all', minReader: 1 }]
    await expect(migrate(await engineOf(), broken)).rejects.toThrow('syntax error')
    expect(await room.sql(`SELECT to_regclass('half') IS NULL, version FROM schema_version`)).toBe(`t|${before}`)
    expect(await migrate(await engineOf(), next('CREATE TABLE half (id INTEGER)'))).toEqual({ ok: true })
  })

  it('of a newer version serves an older one beside it, as long as that version says so', async () => {
    await put(await room.open(), full('router1'))
    await migrate(await engineOf(), next('ALTER TABLE enrolment ADD COLUMN colour TEXT'))
    const older = await room.open()
    expect(await older.enrolments.list()).toStrictEqual([full('router1')])
    await put(older, { ...full('router1'), vendor: 'other' })
    const last = MIGRATIONS.length + 1
    await migrate(await engineOf(), next('ALTER TABLE enrolment DROP COLUMN labels', last))
    // It was migrated before this step became one that nobody may pass.
    expect(await room.sql('SELECT version FROM schema_version')).toBe(String(last))
    await room.sql(`UPDATE schema_version SET min_reader = ${last}`)
    expect(await failureOf({})).toEqual({
      reason: 'newer-schema',
      message: expect.stringContaining(`newer Homeport (schema ${last}, this one knows ${MIGRATIONS.length})`),
      hint: expect.stringContaining('run that version or a later one'),
    })
  })
})

describe('secrets', () => {
  const job: Job = {
    id: 'job1',
    deviceId: 'router1',
    owner: { realm: 'local', name: 'ann' },
    createdAt: noon,
    expiresAt: noon,
    request: { body: '<secret>horse battery</secret>' },
    state: 'done',
    answer: { status: 200, contentType: 'text/plain', body: 'battery staple' },
  }

  it('lie sealed in the database', async () => {
    const store = await room.open()
    await put(store, full('router1'))
    written(await store.jobs.put(job))
    const everything = await room.sql(
      `SELECT query_to_xml('SELECT * FROM ' || table_name, true, true, '') FROM information_schema.tables
       WHERE table_schema = 'public'`,
    )
    expect(everything).toContain('router1')
    const encoded = ['correct horse', 'horse battery', 'battery staple'].flatMap((secret) => [
      secret,
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64'),
    ])
    expect(encoded.filter((text) => everything.includes(text))).toEqual([])
  })

  it('open with the key alone that has sealed them', async () => {
    const store = await room.open()
    await put(store, full('router1'))
    await store.close()
    expect(await failureOf({ keys: [randomBytes(32)] })).toEqual({
      reason: 'other-key',
      message: expect.stringContaining('sealed with the key'),
      hint: expect.stringContaining('cluster.secret-key'),
    })
    // Also before there is any secret.
    const empty = await makePostgresRoom(server)
    await (await empty.open()).close()
    expect(await openPostgresStore({ ...empty.options, keys: [randomBytes(32)] })).toMatchObject({
      ok: false,
      failure: { reason: 'other-key' },
    })
  })

  it('are sealed anew with a new key, after which the old one may go', async () => {
    const [old, fresh] = [randomBytes(32), randomBytes(32)]
    const many = Array.from({ length: 450 }, (_, i) => ({ ...bare(`router${i}`), secret: `secret ${i}` }))
    const first = await room.open({ keys: [old] })
    await Promise.all(many.map((enrolment) => put(first, enrolment)))
    written(await first.jobs.put(job))
    // Beside one that has the new key already, and seals with the old one.
    const second = await room.open({ keys: [fresh, old] })
    const third = await room.open({ keys: [fresh] })
    const byId = new Map((await third.enrolments.list()).map((enrolment) => [enrolment.deviceId, enrolment]))
    expect(byId).toEqual(new Map(many.map((enrolment) => [enrolment.deviceId, enrolment])))
    expect(await third.jobs.list()).toStrictEqual([job])
    expect((await second.enrolments.get('router7'))?.secret).toBe('secret 7')
  })

  it('open in their own place alone, and as they were sealed', async () => {
    const store = await room.open()
    await put(store, { ...bare('a'), secret: 'of a' }, { ...bare('b'), secret: 'of b' })
    await room.sql(`UPDATE enrolment SET secret = (SELECT secret FROM enrolment WHERE device_id = 'a')`)
    expect((await store.enrolments.get('a'))?.secret).toBe('of a')
    await expect(store.enrolments.get('b')).rejects.toMatchObject({ cause: { reason: 'corrupt' } })
    await room.sql(`UPDATE enrolment SET secret = set_byte(secret, 30, get_byte(secret, 30) # 1) WHERE device_id = 'a'`)
    await expect(store.enrolments.get('a')).rejects.toMatchObject({ cause: { reason: 'corrupt' } })
  })
})
