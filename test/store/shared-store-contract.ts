import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Job } from '../../src/store/job.js'
import type { Store, WrittenEnrolment } from '../../src/store/store.js'
import type { ContractRoom } from './store-contract.js'
import { bare, full, minutesAfterNoon, noon, pinOf, put, written } from './store-room.js'

/** What a store promises besides that several processes have at the same time. */
export function describeSharedStore(name: string, makeRoom: () => Promise<ContractRoom>): void {
  describe(name, () => {
    let room: ContractRoom
    let one: Store
    let other: Store
    beforeEach(async () => {
      room = await makeRoom()
      ;[one, other] = await Promise.all([room.open(), room.open()])
    })
    afterEach(() => room.remove())

    it('is made once by two that begin at once', async () => {
      await put(one, full('router1'))
      expect(await other.enrolments.list()).toStrictEqual([full('router1')])
    })

    it('loses none of many changes to one device that both make', async () => {
      const changes = Array.from({ length: 100 }, (_, i) =>
        (i % 2 === 0 ? one : other).enrolments.update('router1', (current = bare('router1')) => ({
          ...current,
          pins: [...current.pins, pinOf(`key ${i}`)],
          labels: { ...current.labels, sum: String(Number(current.labels.sum ?? 0) + i) },
        })),
      )
      expect((await Promise.all(changes)).filter(({ ok }) => !ok)).toEqual([])
      const stored = await one.enrolments.get('router1')
      expect(stored?.labels.sum).toBe('4950')
      expect(new Set(stored?.pins.map(({ blob }) => blob.toString())).size).toBe(100)
      expect(await other.enrolments.get('router1')).toStrictEqual(stored)
    })

    it('makes, removes and makes anew what both do at once, and ends with one of them', async () => {
      for (let round = 0; round < 20; round += 1) {
        await Promise.all([
          one.enrolments.update('router1', () => ({ ...full('router1'), vendor: 'one' })),
          other.enrolments.update('router1', () =>
            round % 3 === 0 ? undefined : { ...bare('router1'), vendor: 'other' },
          ),
        ])
        const stored = await one.enrolments.get('router1')
        expect([
          { ...full('router1'), vendor: 'one' },
          ...(round % 3 === 0 ? [undefined] : [{ ...bare('router1'), vendor: 'other' }]),
        ]).toContainEqual(stored)
      }
    })

    it('tells each what the other has written, with who it was, and nothing that was there before', async () => {
      await put(one, bare('before'))
      const third = await room.open()
      const [toldOther, toldThird]: [WrittenEnrolment[], WrittenEnrolment[]] = [[], []]
      other.enrolments.subscribe((change) => toldOther.push(change))
      third.enrolments.subscribe((change) => toldThird.push(change))
      await one.enrolments.update('router1', () => full('router1'), 'writer one')
      await vi.waitFor(() => {
        for (const told of [toldOther, toldThird])
          expect(told).toContainEqual({ deviceId: 'router1', enrolment: full('router1'), writer: 'writer one' })
      }, 5_000)
      await one.enrolments.update('router1', () => undefined)
      await vi.waitFor(() => {
        for (const told of [toldOther, toldThird])
          expect(told.at(-1)).toEqual({ deviceId: 'router1', enrolment: undefined })
      }, 5_000)
      expect(toldThird.map(({ deviceId }) => deviceId)).toEqual(['router1', 'router1'])
    })

    it('tells nobody of what was only seen, and loses neither that nor what was changed meanwhile', async () => {
      await put(one, bare('router1'), bare('router2'))
      const told: string[] = []
      const third = await room.open()
      third.enrolments.subscribe(({ deviceId }) => told.push(deviceId))
      one.enrolments.touch('router1', { at: noon, address: '192.0.2.1' })
      other.enrolments.touch('router1', { at: minutesAfterNoon(3), address: '192.0.2.3' })
      written(await one.close())
      written(await other.close())
      await put(third, bare('router3'))
      await vi.waitFor(() => expect(told).toContain('router3'))
      expect(told).toEqual(['router3'])
      expect(await third.enrolments.get('router1')).toStrictEqual({
        ...bare('router1'),
        firstSeen: noon,
        lastSeen: minutesAfterNoon(3),
        addresses: ['192.0.2.3', '192.0.2.1'],
      })
    })

    it('gives an endpoint to one of two devices that get it at once, and the other is a conflict', async () => {
      for (let port = 20_001; port < 20_021; port += 1) {
        const results = await Promise.all([
          one.endpoints.change({ release: [], give: [{ deviceId: 'router1', port }] }),
          other.endpoints.change({ release: [], give: [{ deviceId: 'router2', port }] }),
        ])
        const failed = results.flatMap((result) => (result.ok ? [] : result.failure.reason))
        expect(failed).toEqual(['conflict'])
        expect((await one.endpoints.list()).filter((lease) => lease.port === port)).toHaveLength(1)
        await one.endpoints.change({ release: ['router1', 'router2'], give: [] })
      }
      expect(one.problem()).toBeUndefined()
    })

    it('has a job begun by one of two that begin it at once', async () => {
      for (let round = 0; round < 20; round += 1) {
        const job: Job = {
          id: `job${round}`,
          deviceId: 'router1',
          owner: { realm: 'local', name: 'ann' },
          createdAt: noon,
          expiresAt: minutesAfterNoon(1),
          request: {},
          state: 'queued',
        }
        written(await one.jobs.put(job))
        const begun = await Promise.all([one.jobs.begin(job.id, noon), other.jobs.begin(job.id, minutesAfterNoon(1))])
        expect(begun.flatMap((result) => written(result)?.state ?? [])).toEqual(['running'])
      }
    })

    it('takes back a token at both', async () => {
      const token = { id: 'a1', user: 'ann', hash: Buffer.from([1]), createdAt: noon, createdBy: 'operator' }
      const made = await Promise.all(
        [one, other].map(({ tokens }) => tokens.update('a1', (current) => current ?? token)),
      )
      expect(made.map(written)).toEqual([token, token])
      const uses = [one, other].map(({ tokens }, i) =>
        tokens.update('a1', (current) => current && { ...current, [i === 0 ? 'lastUsedAt' : 'expiresAt']: noon }),
      )
      await Promise.all(uses)
      expect(await other.tokens.get('a1')).toStrictEqual({ ...token, lastUsedAt: noon, expiresAt: noon })
      await one.tokens.update('a1', () => undefined)
      expect(await other.tokens.get('a1')).toBeUndefined()
    })
  })
}
