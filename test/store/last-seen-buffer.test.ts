import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { STORE_FILE } from '../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../src/store/store.js'
import { bare, makeStoreRoom, minutesAfterNoon, put, type StoreRoom, written } from './store-room.js'

const INTERVAL = 30_000

let room: StoreRoom
let store: Store
let file: InstanceType<typeof Database>
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate'] })
  room = await makeStoreRoom()
  store = await room.open({ touchInterval: INTERVAL })
  file = new Database(join(room.directory, STORE_FILE))
})
afterEach(async () => {
  vi.useRealTimers()
  file.close()
  await room.remove()
})

function touch(deviceId: string, minute: number, address = '192.0.2.1'): void {
  store.enrolments.touch(deviceId, { at: minutesAfterNoon(minute), address })
}

/** When a device was last seen, in minutes after noon, as the file has it. */
function writtenMinute(deviceId: string): number | null {
  const row = file.prepare('SELECT last_seen FROM enrolment WHERE device_id = ?').get(deviceId)
  const { last_seen } = row as { readonly last_seen: number | null }
  return last_seen === null ? null : (last_seen - minutesAfterNoon(0).getTime()) / 60_000
}

it('are written once an interval, the newest of each device', async () => {
  await put(store, bare('router1'), bare('router2'))
  touch('router1', 1)
  await vi.advanceTimersByTimeAsync(INTERVAL - 1)
  touch('router1', 2)
  touch('router2', 3)
  expect([writtenMinute('router1'), writtenMinute('router2')]).toEqual([null, null])
  await vi.advanceTimersByTimeAsync(1)
  expect([writtenMinute('router1'), writtenMinute('router2')]).toEqual([2, 3])
  touch('router1', 4)
  await vi.advanceTimersByTimeAsync(INTERVAL - 1)
  expect(writtenMinute('router1')).toBe(2)
  await vi.advanceTimersByTimeAsync(1)
  expect(writtenMinute('router1')).toBe(4)
  expect(vi.getTimerCount()).toBe(0)
})

it('of many devices are all written, also those that come meanwhile', async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `router${i}`)
  await put(store, ...ids.map((id) => bare(id)))
  for (const id of ids) touch(id, 1)
  vi.advanceTimersToNextTimer()
  touch('router0', 2)
  touch('router999', 2)
  await vi.advanceTimersByTimeAsync(100)
  expect(ids.filter((id) => writtenMinute(id) === null)).toEqual([])
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(ids.filter((id) => writtenMinute(id) === 1)).toEqual(ids.slice(1, -1))
  expect([writtenMinute('router0'), writtenMinute('router999')]).toEqual([2, 2])
})

it('are written with a change of the same device, and not once more', async () => {
  await put(store, bare('router1'))
  touch('router1', 1)
  written(await store.enrolments.update('router1', (current) => current && { ...current, vendor: 'junos' }))
  expect(writtenMinute('router1')).toBe(1)
  file.exec('UPDATE enrolment SET last_seen = NULL')
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(writtenMinute('router1')).toBeNull()
})

it('wait for the next interval when they cannot be written, and it is told', async () => {
  await put(store, bare('router1'))
  touch('router1', 1)
  file.exec('BEGIN IMMEDIATE')
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(room.problems).toMatchObject([{ reason: 'locked' }])
  expect((await store.enrolments.get('router1'))?.lastSeen).toEqual(minutesAfterNoon(1))
  file.exec('ROLLBACK')
  expect(writtenMinute('router1')).toBeNull()
  await vi.advanceTimersByTimeAsync(INTERVAL)
  expect(writtenMinute('router1')).toBe(1)
  expect(room.problems).toHaveLength(1)
})

it('are written when the store closes, and no timer stays', async () => {
  await put(store, bare('router1'))
  touch('router1', 1)
  written(await store.close())
  expect(writtenMinute('router1')).toBe(1)
  expect(vi.getTimerCount()).toBe(0)
})
