import { chmod, mkdir, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqliteStore, STORE_FILE } from '../../../src/store/sqlite/sqlite-store.js'
import { openInOtherProcess } from '../other-process.js'
import { bare, full, makeStoreRoom, put, type StoreRoom, written } from '../store-room.js'

let room: StoreRoom
beforeEach(async () => {
  room = await makeStoreRoom()
})
afterEach(() => room.remove())

describe('a store that holds many', () => {
  it('ten thousand enrolments are listed', async () => {
    await (await room.open()).close()
    const raw = new Database(join(room.directory, STORE_FILE))
    raw.exec(`WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
      INSERT INTO enrolment (device_id, standing, labels) SELECT printf('router%05d', i), 'approved', '{}' FROM n`)
    raw.exec(`INSERT INTO pin (device_id, position, type, blob, added_at, added_by)
      SELECT device_id, 0, 'ssh-ed25519', CAST(device_id AS BLOB), 0, 'test' FROM enrolment`)
    raw.close()
    const { enrolments } = await room.open()
    const all = await enrolments.list()
    expect(all).toHaveLength(10_000)
    expect(all.every(({ deviceId, pins }) => pins[0]?.blob.toString() === deviceId)).toBe(true)
    expect((await enrolments.list({ after: 'router04999', limit: 1234 })).at(-1)?.deviceId).toBe('router06233')
    expect(await enrolments.list({ standing: 'approved', limit: 1000 })).toHaveLength(1000)
  })
})

describe('the files', () => {
  it('are for their owner alone, in a directory that is made when it is missing', async () => {
    const directory = join(room.directory, 'made', 'for it')
    await put(await room.open({ directory }), full('router1'))
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    const files = await readdir(directory)
    expect(files).toContain(STORE_FILE)
    for (const file of files) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600)
  })

  it('are taken from others when they were left open to them', async () => {
    await (await room.open()).close()
    await chmod(join(room.directory, STORE_FILE), 0o644)
    await room.open()
    expect((await stat(join(room.directory, STORE_FILE))).mode & 0o777).toBe(0o600)
  })

  it('are a new store when the database is empty, as after a kill at the first start', async () => {
    await writeFile(join(room.directory, STORE_FILE), '')
    expect(await (await room.open()).enrolments.count()).toBe(0)
  })
})

describe('another user of the files', () => {
  it('in this process is refused until the store is closed', async () => {
    const first = await room.open()
    await put(first, bare('router1'))
    expect(await openSqliteStore(room.options)).toMatchObject({ ok: false, failure: { reason: 'locked' } })
    await put(first, bare('router2'))
    await first.close()
    expect(await (await room.open()).enrolments.count()).toBe(2)
  })

  it('in another process is refused until the store is closed', async () => {
    const first = await room.open()
    expect(await openInOtherProcess(room.directory)).toMatchObject({
      reason: 'locked',
      message: `${join(room.directory, STORE_FILE)}: another process is using it`,
      hint: expect.stringContaining('data-dir'),
    })
    await first.close()
    expect(await openInOtherProcess(room.directory)).toBeNull()
  }, 30_000)

  it('who writes with a tool makes writes answer `locked`, and reads go on', async () => {
    const store = await room.open()
    await put(store, bare('router1'))
    const tool = new Database(join(room.directory, STORE_FILE))
    tool.exec('BEGIN IMMEDIATE')
    expect(await store.enrolments.update('router1', () => undefined)).toMatchObject({
      ok: false,
      failure: { reason: 'locked' },
    })
    expect(await store.enrolments.get('router1')).toEqual(bare('router1'))
    tool.exec('ROLLBACK')
    tool.close()
    written(await store.enrolments.update('router1', () => undefined))
  })
})

describe('what cannot be opened says why', () => {
  const problemAtOpen = async (directory = room.directory): Promise<unknown> => {
    const opened = await openSqliteStore({ ...room.options, directory })
    if (opened.ok) await opened.store.close()
    return opened.ok ? undefined : opened.failure
  }

  it.each([
    ['that is no database', (file: string) => writeFile(file, 'no database at all\n'.repeat(500))],
    ['whose end is missing', (file: string) => truncate(file, 3 * 4096)],
  ])('a file %s', async (_what, damage) => {
    const store = await room.open()
    await put(store, full('router1'))
    await store.close()
    const file = join(room.directory, STORE_FILE)
    await Promise.all([rm(`${file}-wal`, { force: true }), rm(`${file}-shm`, { force: true })])
    await damage(file)
    expect(await problemAtOpen()).toEqual({
      reason: 'corrupt',
      message: expect.stringContaining(`${file}: is damaged or not a database`),
      hint: expect.stringContaining('backup'),
    })
  })

  it('a page of rubbish in the middle', async () => {
    const store = await room.open()
    await put(store, ...Array.from({ length: 50 }, (_, i) => full(`router${i}`)))
    await store.close()
    const file = join(room.directory, STORE_FILE)
    const { size } = await stat(file)
    const handle = await open(file, 'r+')
    await handle.write(Buffer.alloc(4096, 0xa5), 0, 4096, Math.floor(size / 4096 / 2) * 4096)
    await handle.close()
    expect(await problemAtOpen()).toMatchObject({ reason: 'corrupt' })
  })

  it('a directory that may not be written', async () => {
    const directory = join(room.directory, 'of-another')
    await mkdir(directory)
    await asStranger(directory, async () => {
      expect(await problemAtOpen(directory)).toMatchObject({
        reason: 'read-only',
        message: expect.stringContaining(`${directory}/${STORE_FILE}`),
      })
    })
  })

  it('a file that may only be read', async () => {
    const directory = join(room.directory, 'of-another')
    await (await room.open({ directory })).close()
    for (const file of await readdir(directory)) await chmod(join(directory, file), 0o444)
    await asStranger(directory, async () => {
      expect(await problemAtOpen(directory)).toMatchObject({ reason: 'read-only' })
    })
  })

  it('a directory that is a file', async () => {
    const directory = join(room.directory, 'file')
    await writeFile(directory, '')
    expect(await problemAtOpen(directory)).toMatchObject({ reason: 'io', message: expect.stringContaining(directory) })
  })
})

/** Does something without the right to write into a directory; root, who has it always, becomes nobody meanwhile. */
async function asStranger(directory: string, work: () => Promise<void>): Promise<void> {
  await chmod(room.directory, 0o755)
  await chmod(directory, 0o555)
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (root) process.seteuid?.(0)
    await chmod(directory, 0o755)
  }
}
