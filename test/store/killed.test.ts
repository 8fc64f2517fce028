import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { generationOf, ofGeneration, SEEN_FROM } from './generation.js'
import { openInOtherProcess, startWriter } from './other-process.js'
import { makeStoreRoom, type StoreRoom } from './store-room.js'

let room: StoreRoom
let writer: ReturnType<typeof startWriter> | undefined
beforeEach(async () => {
  room = await makeStoreRoom()
})
afterEach(async () => {
  writer?.kill('SIGKILL')
  await room.remove()
})

/**
 * After how many acknowledgements a writer is killed, and how long into the change that follows; one takes about a
 * millisecond.
 */
const kills = [1, 40, 333, 5, 77, 2, 160, 9].map((changes, i) => ({ changes, microseconds: 120 * i }))

it('a bridge that is killed has every acknowledged change when it is back, and none by half', async () => {
  const acknowledged = new Map<string, number>()
  for (const { changes, microseconds } of kills) {
    const counted = await changesUntilKilled(changes, microseconds)
    for (const [deviceId, generation] of counted) acknowledged.set(deviceId, generation)
    const store = await room.open()
    const all = await store.enrolments.list()
    await store.close()

    const found = new Map(all.map((enrolment) => [enrolment.deviceId, generationOf(enrolment)]))
    const ahead = [...found].filter(([deviceId, generation]) => generation !== (acknowledged.get(deviceId) ?? 0))
    // Killed after writing and before saying so, the last change is there without having been acknowledged.
    expect(ahead.length).toBeLessThanOrEqual(1)
    for (const [deviceId, generation] of ahead) expect(generation).toBe((acknowledged.get(deviceId) ?? 0) + 1)
    expect([...found.keys()]).toEqual(expect.arrayContaining([...acknowledged.keys()]))

    for (const enrolment of all) {
      const { firstSeen: _first, lastSeen: _last, ...rest } = enrolment
      const addresses = rest.addresses.filter((address) => address !== SEEN_FROM)
      expect({ ...rest, addresses }).toStrictEqual(ofGeneration(enrolment.deviceId, generationOf(enrolment)))
    }
    for (const [deviceId, generation] of ahead) acknowledged.set(deviceId, generation)
  }
}, 60_000)

it('a living bridge keeps others out, a killed one does not', async () => {
  writer = startWriter(room.directory)
  await once(writer.stdout, 'data')
  expect(await openInOtherProcess(room.directory)).toMatchObject({ reason: 'locked' })
  writer.kill('SIGKILL')
  await once(writer, 'close')
  expect(await openInOtherProcess(room.directory)).toBeNull()
}, 30_000)

/**
 * Lets a process write, kills it so long after so many changes, and gives the last generation of each device that it
 * acknowledged.
 */
async function changesUntilKilled(changes: number, microseconds: number): Promise<ReadonlyMap<string, number>> {
  const started = startWriter(room.directory)
  writer = started
  const acknowledged = new Map<string, number>()
  let seen = 0
  for await (const line of createInterface({ input: started.stdout })) {
    const [deviceId = '', generation] = line.split(' ')
    acknowledged.set(deviceId, Number(generation))
    if (++seen !== changes) continue
    // Turning on the spot, because timers count milliseconds.
    for (const until = performance.now() + microseconds / 1000; performance.now() < until; );
    started.kill('SIGKILL')
  }
  expect(seen).toBeGreaterThanOrEqual(changes)
  return acknowledged
}
