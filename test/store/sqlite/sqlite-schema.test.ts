import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase, type SqliteDatabase } from '../../../src/store/sqlite/sqlite-database.js'
import { migrate, MIGRATIONS, schemaVersion } from '../../../src/store/sqlite/sqlite-schema.js'
import { openSqliteStore, STORE_FILE } from '../../../src/store/sqlite/sqlite-store.js'
import { bare, full, makeStoreRoom, put, type StoreRoom } from '../store-room.js'

let room: StoreRoom
let file: string
beforeEach(async () => {
  room = await makeStoreRoom()
  file = join(room.directory, STORE_FILE)
})
afterEach(() => room.remove())

/** Does something with the database's file while no store is open on it. */
function inFile<T>(work: (database: SqliteDatabase) => T): T {
  const database = openDatabase(file, { busyTimeout: 20 })
  try {
    return work(database)
  } finally {
    database.close()
  }
}

it('makes the whole schema of nothing', async () => {
  expect(inFile((database) => [schemaVersion(database), migrate(database), schemaVersion(database)])).toEqual([
    0,
    { ok: true },
    MIGRATIONS.length,
  ])
  await put(await room.open(), full('router1'))
})

it('a later step finds the data of an earlier version and keeps it', async () => {
  const store = await room.open()
  await put(store, full('router1'), bare('router2'))
  await store.close()
  const later = [
    ...MIGRATIONS,
    `ALTER TABLE enrolment ADD COLUMN serial TEXT;
     UPDATE enrolment SET serial = 'of ' || device_id;`,
    'CREATE INDEX enrolment_serial ON enrolment (serial)',
  ]
  const serials = inFile((database) => {
    expect(migrate(database, later)).toEqual({ ok: true })
    expect(migrate(database, later)).toEqual({ ok: true })
    expect(schemaVersion(database)).toBe(later.length)
    return database.prepare('SELECT device_id, serial, secret FROM enrolment').all()
  })
  expect(serials).toMatchObject([
    { device_id: 'router1', serial: 'of router1', secret: 'correct horse' },
    { device_id: 'router2', serial: 'of router2', secret: null },
  ])
})

it('a step that fails leaves the older version as it was', async () => {
  const store = await room.open()
  await put(store, full('router1'))
  await store.close()
  inFile((database) => {
    const failing = [...MIGRATIONS, 'DELETE FROM enrolment', 'ALTER TABLE nothing ADD COLUMN x']
    expect(() => migrate(database, failing)).toThrow(/nothing/)
    expect(schemaVersion(database)).toBe(MIGRATIONS.length)
  })
  expect(await (await room.open()).enrolments.list()).toStrictEqual([full('router1')])
})

it('refuses what a newer version wrote, and leaves it as it is', async () => {
  await (await room.open()).close()
  const newer = new Database(file)
  newer.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
  newer.close()
  expect(await openSqliteStore(room.options)).toEqual({
    ok: false,
    failure: {
      reason: 'newer-schema',
      message: `${file}: was written by a newer Homeport (schema ${MIGRATIONS.length + 1}, this one knows ${MIGRATIONS.length})`,
      hint: expect.stringContaining('run that version'),
    },
  })
  expect(inFile(schemaVersion)).toBe(MIGRATIONS.length + 1)
})

it('owners of jobs that were a name alone become users of the configuration, and the operator stays the operator', async () => {
  const before = 4
  const owners = ['{"kind":"user","user":"ann","devices":["edge-*"]}', '{"kind":"operator","user":"operator"}']
  inFile((database) => {
    migrate(database, MIGRATIONS.slice(0, before))
    for (const [at, owner] of owners.entries())
      database
        .prepare(
          `INSERT INTO job (id, device_id, state, owner, request, created_at, expires_at)
           VALUES ('job${at}', 'router1', 'queued', ?, '{}', ${at}, 1)`,
        )
        .run([owner])
  })
  const store = await room.open()
  expect((await store.jobs.list()).map(({ owner }) => owner)).toEqual([
    { realm: 'local', name: 'ann', devices: ['edge-*'] },
    { realm: 'operator', name: 'operator' },
  ])
})

it.each([
  ['lacks the tables of its number', 'PRAGMA user_version = 3', /no such table/],
  ['is of another program', 'CREATE TABLE enrolment (x)', /enrolment already exists/],
])('a file that %s is refused with what to do', async (_, statement, why) => {
  const other = new Database(file)
  other.exec(statement)
  other.close()
  expect(await openSqliteStore(room.options)).toEqual({
    ok: false,
    failure: { reason: 'corrupt', message: expect.stringMatching(why), hint: expect.stringContaining('a backup') },
  })
})
