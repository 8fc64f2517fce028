import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/store/sqlite/sqlite-database.js'
import { migrate } from '../../src/store/sqlite/sqlite-schema.js'
import { openSqliteStore, STORE_FILE, storeOn } from '../../src/store/sqlite/sqlite-store.js'
import type { Store, StoreFailure } from '../../src/store/store.js'
import { openInOtherProcess } from './other-process.js'
import { waitFor } from '../e2e/parts/wait-for.js'
import { fillDisk, mount, mountOwn, unmountOwn } from './own-file-system.js'
import { full, makeStoreRoom, minutesAfterNoon, pinOf, put, type StoreRoom, written } from './store-room.js'

let room: StoreRoom
beforeEach(async () => {
  room = await makeStoreRoom()
})
afterEach(() => room.remove())

describe('a store that may not grow', () => {
  it('answers writes with `disk-full`, changes nothing, and goes on reading', async () => {
    const file = join(room.directory, STORE_FILE)
    const database = openDatabase(file, { busyTimeout: 20 })
    migrate(database)
    database.exec('PRAGMA max_page_count = 40')
    const store = storeOn(database, { ...room.options, file, closeFiles: () => database.close() })
    const stored = await fill(store)
    expect(await store.enrolments.list()).toStrictEqual(stored.map(large))
    written(await store.enrolments.update(stored[0] ?? '', () => undefined))
    written(await store.enrolments.update(stored[1] ?? '', (current) => current && { ...current, vendor: 'other' }))
    written(await store.close())
  })
})

describe('on a file system of its own', () => {
  beforeEach(() => mountOwn(room.directory, '512k'))
  afterEach(() => unmountOwn(room.directory))

  it('that is full: writes answer `disk-full`, reads go on, and writes go on once there is room', async () => {
    const store = await room.open()
    await put(store, full('router1'))
    const ballast = join(room.directory, 'ballast')
    await fillDisk(ballast)
    const stored = await fill(store)
    expect(await store.enrolments.update('router1', () => undefined)).toEqual({
      ok: false,
      failure: {
        reason: 'disk-full',
        message: `${join(room.directory, STORE_FILE)}: no space is left to write it`,
        hint: expect.stringContaining('make room'),
      },
    })
    expect(await store.enrolments.get('router1')).toStrictEqual(full('router1'))
    // A read that goes well says nothing of writing.
    expect(store.problem()).toMatchObject({ reason: 'disk-full' })
    expect(await store.enrolments.withPin(pinOf('key one').blob)).toStrictEqual([full('router1')])
    expect(await store.enrolments.count()).toBe(stored.length + 1)

    await rm(ballast)
    written(await store.enrolments.update('router1', () => undefined))
    expect(store.problem()).toBeUndefined()
    await put(store, large('large-last'))
    expect(await store.enrolments.list()).toStrictEqual([...stored, 'large-last'].toSorted().map(large))
  })

  it('that is full: what is written later says so as well, and that it can be again', async () => {
    const store = await room.open({ touchInterval: 10 })
    await put(store, full('router1'))
    expect(store.problem()).toBeUndefined()
    const ballast = join(room.directory, 'ballast')
    await fillDisk(ballast)
    let at = 0
    await waitFor('a note that cannot be written', () => {
      store.enrolments.touch('router1', { at: minutesAfterNoon((at += 1)), address: '192.0.2.9' })
      return store.problem()?.reason === 'disk-full'
    })
    await rm(ballast)
    await waitFor('it to be written', () => store.problem() === undefined)
  })

  it('that is full: the bridge starts again with what it has', async () => {
    const before = await room.open()
    await put(before, full('router1'))
    await fillDisk(join(room.directory, 'ballast'))
    const stored = await fill(before)
    before.enrolments.touch('router1', { at: minutesAfterNoon(9), address: '192.0.2.99' })
    expect(await before.close()).toMatchObject({ ok: false, failure: { reason: 'disk-full' } })

    const after = await room.open()
    expect(await after.enrolments.get('router1')).toStrictEqual(full('router1'))
    expect(await after.enrolments.count()).toBe(stored.length + 1)
    expect(await after.enrolments.update('router1', () => undefined)).toMatchObject({
      ok: false,
      failure: { reason: 'disk-full' },
    })
  })

  it('that is full from the beginning: opening says so', async () => {
    await fillDisk(join(room.directory, 'ballast'))
    expect(await openSqliteStore(room.options)).toMatchObject({ ok: false, failure: { reason: 'disk-full' } })
  })

  it('that is mounted read-only: opening says so, with a store on it or without', async () => {
    await mount('-o', 'remount,ro', room.directory)
    expect(await openSqliteStore(room.options)).toMatchObject({ ok: false, failure: { reason: 'read-only' } })
    await mount('-o', 'remount,rw', room.directory)
    expect(await openInOtherProcess(room.directory)).toBeNull()
    expect(await readdir(room.directory)).toContain(STORE_FILE)
    await mount('-o', 'remount,ro', room.directory)
    expect(await openSqliteStore(room.options)).toMatchObject({ ok: false, failure: { reason: 'read-only' } })
  }, 30_000)
})

/** An enrolment that takes some pages of its own. */
function large(deviceId: string): ReturnType<typeof full> {
  return { ...full(deviceId), pins: [{ ...pinOf(''), blob: Buffer.alloc(9000, deviceId) }] }
}

/** Stores enrolments until no more fit, and gives the ids of those that did. */
async function fill(store: Store): Promise<readonly string[]> {
  const stored: string[] = []
  for (;;) {
    const deviceId = `large${String(stored.length).padStart(3, '0')}`
    const result = await store.enrolments.update(deviceId, () => large(deviceId))
    if (result.ok) {
      stored.push(deviceId)
      continue
    }
    const problem: StoreFailure = result.failure
    expect(problem.reason).toBe('disk-full')
    expect(JSON.stringify(problem)).not.toContain('correct horse')
    return stored
  }
}
