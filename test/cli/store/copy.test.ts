import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { storeCommand } from '../../../src/cli/store/store.js'
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.js'
import { openSqliteStore, STORE_FILE } from '../../../src/store/sqlite/sqlite-store.js'
import type { OpenedStore, Store } from '../../../src/store/store.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { bare, full, minutesAfterNoon, noon, put, written } from '../../store/store-room.js'
import { recordedIo } from '../recorded-io.js'

const key = randomBytes(32)

let server: PostgresServer
let directory: string
let url: string

beforeAll(async () => {
  server = await startPostgresServer()
}, 60_000)
afterAll(() => server.remove())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-copy-'))
  url = await server.createDatabase()
  await configure()
})
afterEach(() => rm(directory, { recursive: true }))

async function configure(cluster: object | undefined = { database: url, node: 'a', 'secret-key': '${KEY}' }) {
  await writeFile(join(directory, 'homeport.yaml'), JSON.stringify({ cluster, 'data-dir': 'data' }))
}

async function run(...words: readonly string[]): Promise<{ stdout: string; stderr: string; status: number }> {
  const env = { KEY: key.toString('base64'), PASSWORD_FILE: 'password' }
  const { io, output } = recordedIo({ cwd: directory, env })
  await storeCommand(io)
    .exitOverride()
    .parseAsync(['copy', '--config', 'homeport.yaml', ...words], { from: 'user' })
  expect(output.stdout + output.stderr).not.toMatch(/p@ss|p%40ss|correct horse/)
  return { stdout: output.stdout, stderr: output.stderr, status: output.status ?? 0 }
}

async function opened(opening: Promise<OpenedStore>): Promise<Store> {
  const result = await opening
  if (!result.ok) throw new Error(result.failure.message)
  return result.store
}
const onProblem = (): void => undefined
const source = (): Promise<Store> =>
  opened(openSqliteStore({ directory: join(directory, 'data'), touchInterval: 60_000, onProblem }))
const target = (): Promise<Store> => opened(openPostgresStore({ url, keys: [key], touchInterval: 60_000, onProblem }))

/** What a bridge of some years may hold. */
async function fill(store: Store): Promise<void> {
  const many = Array.from({ length: 1_234 }, (_, i) => ({
    ...(i % 3 === 0 ? full(`router${i}`) : bare(`röuter${i}`, i % 2 === 0 ? 'pending' : 'rejected')),
    vendor: `vendor ${i}`,
  }))
  await put(store, ...many)
  const token = { id: 'a1', user: 'ann', hash: Buffer.from([0, 255]), createdAt: noon, createdBy: 'operator' }
  written(await store.tokens.update('a1', () => ({ ...token, scopes: ['read'], lastUsedAt: minutesAfterNoon(1) })))
  written(await store.tokens.update('b2', () => ({ ...token, id: 'b2', revocation: { at: noon, by: 'ops' } })))
  for (const state of ['queued', 'done'] as const)
    written(
      await store.jobs.put({
        id: `job of ${state}`,
        deviceId: 'router0',
        owner: { realm: 'local', name: 'ann' },
        createdAt: noon,
        expiresAt: minutesAfterNoon(9),
        request: { body: '<edit-config>correct horse</edit-config>' },
        state,
        ...(state === 'done' && { answer: { status: 200, contentType: 'text/xml', body: '<ok/>' } }),
      }),
    )
  const give = [
    { deviceId: 'router0', port: 20_001, address: '127.1.0.1' },
    { deviceId: 'gone', port: 20_002 },
  ]
  written(await store.endpoints.change({ release: [], give }))
  for (const deviceId of ['router0', 'router3']) store.attached.note(deviceId, true)
}

async function everything({ enrolments, tokens, jobs, endpoints, attached }: Store): Promise<unknown> {
  return {
    enrolments: await enrolments.list(),
    tokens: await tokens.list(),
    jobs: await jobs.list(),
    endpoints: await endpoints.list(),
    attached: attached.before.deviceIds.toSorted(),
  }
}

async function filledSource(): Promise<unknown> {
  const store = await source()
  await fill(store)
  written(await store.close())
  const again = await source()
  const all = await everything(again)
  written(await again.close())
  return all
}

describe('homeport store copy', () => {
  it('copies everything, and says what it was', async () => {
    const before = await filledSource()
    const { stdout, stderr, status } = await run()
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).toBe(
      '1234 devices, 2 tokens, 2 jobs, ports and addresses of 2 devices, 2 devices attached at the end\n' +
        `from ${join(directory, 'data', STORE_FILE)}\n` +
        `to postgres://127.0.0.1:${server.port}${new URL(url).pathname}, read again: all of it is there\n`,
    )
    const copy = await target()
    expect(await everything(copy)).toStrictEqual(before)
    await copy.close()
    const left = await source()
    expect(await everything(left)).toStrictEqual(before)
    await left.close()
  })

  it('takes another database by --to, whose password a variable names, or a file', async () => {
    const before = await filledSource()
    await configure({ database: 'postgres://nobody@127.0.0.1:1/none', node: 'a', 'secret-key': '${KEY}' })
    await writeFile(join(directory, 'password'), `${server.owner.password}\n`)
    const to = new URL(url)
    const { stderr, status } = await run('--to', `postgres://homeport:\${PASSWORD}@${to.host}${to.pathname}`)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const copy = await target()
    expect(await everything(copy)).toStrictEqual(before)
    await copy.close()
  })

  it('refuses a database that holds something, and leaves it as it is', async () => {
    await filledSource()
    const there = await target()
    await put(there, bare('router1'))
    await there.close()
    const { stdout, stderr, status } = await run()
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^homeport: postgres:.*: holds something already: 1 device, 0 tokens.*\n.*empty database/)
    expect(status).toBe(1)
    const after = await target()
    expect(await after.enrolments.list()).toStrictEqual([bare('router1')])
    await after.close()
  })

  it('refuses while a bridge uses the file, or the database', async () => {
    await filledSource()
    const busy = await source()
    expect(await run()).toMatchObject({ stderr: expect.stringContaining('stop the bridge first'), status: 1 })
    await busy.close()
    const alone = { id: 'b', lease: 5_000, heartbeat: 100, onReplaced: onProblem }
    const used = await opened(openPostgresStore({ url, keys: [key], alone, touchInterval: 60_000, onProblem }))
    expect(await run()).toMatchObject({ stderr: expect.stringContaining('node "b" uses it'), status: 1 })
    expect(await used.enrolments.count()).toBe(0)
    await used.close()
  })

  it('says what to do where something is missing', async () => {
    expect(await run()).toMatchObject({ stderr: expect.stringContaining('is not there'), status: 1 })
    await filledSource()
    expect(await run('--to', 'postgres://homeport:${NOBODY}@h/d')).toMatchObject({
      stderr: expect.stringContaining('the environment variable NOBODY is not set'),
      status: 2,
    })
    expect(await run('--to', 'mysql://h/d')).toMatchObject({
      stderr: expect.stringContaining('postgres://'),
      status: 2,
    })
    await configure({ database: `postgres://homeport@127.0.0.1:${server.port}/d`, node: 'a', 'secret-key': '${KEY}' })
    expect(await run()).toMatchObject({ stderr: expect.stringContaining('lets nobody in by this URL'), status: 1 })
    await writeFile(join(directory, 'homeport.yaml'), '{ data-dir: data }')
    expect(await run()).toMatchObject({ stderr: expect.stringContaining('`cluster`'), status: 2 })
  })

  it('ends with what to do where the database goes away in the middle', async () => {
    await filledSource()
    await (await target()).close()
    const database = new URL(url).pathname.slice(1)
    // It can read tokens, and waits where it writes them: in the middle.
    const holding = server.sql('BEGIN; LOCK TABLE token IN EXCLUSIVE MODE; SELECT pg_sleep(600)', database)
    const held = expect(holding).rejects.toThrow('Command failed')
    const waits = `SELECT count(*) > 0 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE relname = 'token'`
    await expect.poll(() => server.sql(waits, database), { timeout: 10_000 }).toBe('t')
    const running = run()
    await expect.poll(() => server.sql(`${waits} AND NOT granted`, database), { timeout: 30_000 }).toBe('t')
    await server.kill()
    try {
      const { stdout, stderr, status } = await running
      expect(stdout).toBe('')
      expect(stderr).toContain('drop the database, create it anew, and copy once more')
      expect(status).toBe(1)
    } finally {
      await held
      await server.start()
    }
  }, 60_000)
})
