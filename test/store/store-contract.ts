import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Job } from '../../src/store/job.js'
import type { Store } from '../../src/store/store.js'
import type { ApiToken } from '../../src/access/authn/api-token.js'
import { bare, full, minutesAfterNoon, noon, pinOf, put, written } from './store-room.js'

/** Where a store lies; the first `open` gives an empty one. */
export interface ContractRoom {
  readonly open: () => Promise<Store>
  readonly remove: () => Promise<void>
}

/** What every store promises, whatever holds its data. */
export function describeStore(name: string, makeRoom: () => Promise<ContractRoom>): void {
  describe(name, () => {
    let room: ContractRoom
    let store: Store
    beforeEach(async () => {
      room = await makeRoom()
      store = await room.open()
    })
    afterEach(() => room.remove())

    describe('given endpoints', () => {
      it('are kept, replaced and released, several in one change', async () => {
        const { endpoints } = store
        expect(await endpoints.list()).toEqual([])
        const one = { deviceId: 'router1', port: 20_001, address: '127.1.0.1' }
        expect(await endpoints.change({ release: [], give: [one, { deviceId: 'router2', port: 20_002 }] })).toEqual({
          ok: true,
          value: undefined,
        })
        expect(await endpoints.list()).toEqual([one, { deviceId: 'router2', port: 20_002 }])
        // Each gets what the other had.
        const swapped = [
          { deviceId: 'router1', port: 20_002 },
          { deviceId: 'router2', port: 20_001, address: '127.1.0.1' },
        ]
        expect((await endpoints.change({ release: [], give: swapped })).ok).toBe(true)
        expect(await endpoints.list()).toEqual(swapped)
        expect((await endpoints.change({ release: ['router2', 'nobody'], give: [] })).ok).toBe(true)
        expect(await endpoints.list()).toEqual([{ deviceId: 'router1', port: 20_002 }])
      })

      it('are never held by two, and a change that would do that changes nothing', async () => {
        const { endpoints } = store
        await endpoints.change({ release: [], give: [{ deviceId: 'router1', port: 20_001 }] })
        const twice = endpoints.change({
          release: ['router1'],
          give: [
            { deviceId: 'a', port: 1 },
            { deviceId: 'b', port: 1 },
          ],
        })
        await expect(twice).rejects.toThrow()
        expect(await endpoints.list()).toEqual([{ deviceId: 'router1', port: 20_001 }])
      })

      it('outlive the enrolment of their device', async () => {
        await put(store, bare('router1'))
        await store.endpoints.change({ release: [], give: [{ deviceId: 'router1', port: 20_001 }] })
        await store.enrolments.update('router1', () => undefined)
        expect(await store.endpoints.list()).toHaveLength(1)
      })
    })

    describe('subscribe', () => {
      it('tells of what was written, after it was and in its order, with who wrote it', async () => {
        const { enrolments } = store
        const told: unknown[] = []
        const stop = enrolments.subscribe((change) => told.push(change))
        const added = enrolments.update('router1', () => bare('router1'), 'one')
        expect(told).toEqual([])
        await added
        const value = written(
          await enrolments.update('router1', (current = bare('router1')) => ({ ...current, vendor: 'x' })),
        )
        await enrolments.update('router1', () => undefined, 'another')
        await vi.waitFor(() =>
          expect(told).toEqual([
            { deviceId: 'router1', enrolment: bare('router1'), writer: 'one' },
            { deviceId: 'router1', enrolment: value },
            { deviceId: 'router1', enrolment: undefined, writer: 'another' },
          ]),
        )
        stop()
        await put(store, bare('router2'))
        await put(store, bare('router3'))
        expect(told).toHaveLength(3)
      })

      it('tells nothing of what was left as it was, or only seen', async () => {
        const { enrolments } = store
        await put(store, bare('router1'))
        const told: unknown[] = []
        enrolments.subscribe((change) => told.push(change))
        await enrolments.update('router1', (current) => current)
        enrolments.touch('router1', { at: noon, address: '192.0.2.1' })
        await put(store, bare('router2'))
        await vi.waitFor(() => expect(told).toMatchObject([{ deviceId: 'router2' }]))
      })
    })

    describe('update', () => {
      it('makes, changes and removes an enrolment', async () => {
        const { enrolments } = store
        expect(await enrolments.get('router1')).toBeUndefined()
        expect(await enrolments.update('router1', () => bare('router1'))).toEqual({ ok: true, value: bare('router1') })
        const approved = await enrolments.update(
          'router1',
          (current) => current && { ...current, standing: 'approved' },
        )
        expect(approved).toEqual({ ok: true, value: bare('router1', 'approved') })
        expect(await enrolments.get('router1')).toEqual(bare('router1', 'approved'))
        expect(await enrolments.update('router1', () => undefined)).toEqual({ ok: true, value: undefined })
        expect(await enrolments.get('router1')).toBeUndefined()
        expect(await enrolments.count()).toBe(0)
      })

      it('keeps every part of an enrolment', async () => {
        await put(store, full('router1'))
        const kept = await store.enrolments.get('router1')
        expect(kept).toStrictEqual(full('router1'))
        expect(kept?.pins.every(({ blob }) => Buffer.isBuffer(blob))).toBe(true)
        expect(await store.enrolments.list()).toStrictEqual([full('router1')])
      })

      it('takes away what the new enrolment does not have', async () => {
        await put(store, full('router1'), bare('router1'))
        expect(await store.enrolments.get('router1')).toStrictEqual(bare('router1'))
        expect(await store.enrolments.withPin(pinOf('key one').blob)).toEqual([])
      })

      it('gives nothing of a removed enrolment to one that is made anew', async () => {
        await put(store, full('router1'))
        store.enrolments.touch('router1', { at: noon, address: '192.0.2.9' })
        await store.enrolments.update('router1', () => undefined)
        await put(store, bare('router1'))
        expect(await store.enrolments.get('router1')).toStrictEqual(bare('router1'))
      })

      it('remembers eight distinct addresses', async () => {
        const addresses = ['a', 'b', 'a', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
        const stored = written(await store.enrolments.update('router1', () => ({ ...bare('router1'), addresses })))
        expect(stored?.addresses).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
        expect(await store.enrolments.get('router1')).toEqual(stored)
      })

      it('leaves what is there when the change throws, and goes on', async () => {
        await put(store, full('router1'))
        const mistake = store.enrolments.update('router1', () => {
          throw new TypeError('a mistake')
        })
        await expect(mistake).rejects.toThrow('a mistake')
        await expect(store.enrolments.update('router1', () => bare('router2'))).rejects.toThrow(TypeError)
        expect(await store.enrolments.list()).toStrictEqual([full('router1')])
        await put(store, bare('router2'))
      })

      it('loses none of many changes to one device', async () => {
        const changes = Array.from({ length: 200 }, (_, i) =>
          store.enrolments.update('router1', (current = bare('router1')) => ({
            ...current,
            labels: { ...current.labels, [`change-${i}`]: 'done', sum: String(Number(current.labels.sum ?? 0) + i) },
          })),
        )
        expect((await Promise.all(changes)).every(({ ok }) => ok)).toBe(true)
        const labels = (await store.enrolments.get('router1'))?.labels ?? {}
        expect(labels.sum).toBe('19900')
        expect(Object.keys(labels)).toHaveLength(201)
      })

      it('keeps changes to many devices apart', async () => {
        const ids = Array.from({ length: 100 }, (_, i) => `router${i}`)
        const changes = [1, 2, 3].flatMap((round) =>
          ids.map((id) =>
            store.enrolments.update(id, (current = bare(id)) => ({
              ...current,
              pins: [...current.pins, pinOf(`${id} ${round}`)],
            })),
          ),
        )
        await Promise.all(changes)
        for (const { deviceId, pins } of await store.enrolments.list())
          expect(pins.map(({ blob }) => blob.toString())).toEqual([1, 2, 3].map((round) => `${deviceId} ${round}`))
        expect(await store.enrolments.count()).toBe(100)
      })
    })

    describe('list', () => {
      it('orders by the octets of the id, filters and pages', async () => {
        const ids = ['router2', 'Router3', 'router10', 'röuter', '東京', 'router1']
        await put(store, ...ids.map((id) => bare(id, id.startsWith('router1') ? 'approved' : 'pending')))
        const listed = async (options?: Parameters<Store['enrolments']['list']>[0]): Promise<readonly string[]> =>
          (await store.enrolments.list(options)).map(({ deviceId }) => deviceId)
        expect(await listed()).toEqual(['Router3', 'router1', 'router10', 'router2', 'röuter', '東京'])
        expect(await listed({ limit: 2 })).toEqual(['Router3', 'router1'])
        expect(await listed({ limit: 2, after: 'router1' })).toEqual(['router10', 'router2'])
        expect(await listed({ after: 'router3' })).toEqual(['röuter', '東京'])
        expect(await listed({ limit: 0 })).toEqual([])
        expect(await listed({ standing: 'approved' })).toEqual(['router1', 'router10'])
        expect(await listed({ standing: 'pending', after: 'Router3', limit: 2 })).toEqual(['router2', 'röuter'])
        expect(await listed({ standing: 'rejected' })).toEqual([])
      })

      it('gives each enrolment its own pins and addresses', async () => {
        await put(store, full('router2'), bare('router1'), {
          ...full('router3'),
          pins: [pinOf('another')],
          addresses: ['x'],
        })
        expect(await store.enrolments.list()).toStrictEqual([
          bare('router1'),
          full('router2'),
          { ...full('router3'), pins: [pinOf('another')], addresses: ['x'] },
        ])
      })
    })

    describe('withPin', () => {
      it('finds every enrolment that a key is pinned to', async () => {
        const shared = pinOf('shared key')
        await put(
          store,
          { ...bare('router1'), pins: [pinOf('own key'), shared] },
          { ...bare('router2'), presented: shared },
          { ...bare('router3'), pins: [shared, shared] },
        )
        const ids = (await store.enrolments.withPin(shared.blob)).map(({ deviceId }) => deviceId)
        expect(ids).toEqual(['router1', 'router3'])
        expect(await store.enrolments.withPin(Buffer.from('a stranger'))).toEqual([])
      })
    })

    describe('count and pendingFrom', () => {
      it('count by standing, and pending ids by where they called from', async () => {
        await put(
          store,
          { ...bare('router1'), addresses: ['192.0.2.1', '192.0.2.2'] },
          { ...bare('router2'), addresses: ['192.0.2.1'] },
          { ...bare('router3', 'approved'), addresses: ['192.0.2.1'] },
          bare('router4', 'rejected'),
        )
        expect(await store.enrolments.count()).toBe(4)
        expect(await store.enrolments.count('pending')).toBe(2)
        expect(await store.enrolments.count('rejected')).toBe(1)
        expect(await store.enrolments.pendingFrom('192.0.2.1')).toBe(2)
        expect(await store.enrolments.pendingFrom('192.0.2.2')).toBe(1)
        expect(await store.enrolments.pendingFrom('192.0.2.3')).toBe(0)
      })
    })

    describe('touch', () => {
      it('is known at once to get, list, withPin and update', async () => {
        await put(store, full('router1'))
        store.enrolments.touch('router1', { at: minutesAfterNoon(5), address: '192.0.2.7' })
        store.enrolments.touch('router1', { at: minutesAfterNoon(6), address: '2001:db8::1' })
        const seen = {
          ...full('router1'),
          lastSeen: minutesAfterNoon(6),
          addresses: ['2001:db8::1', '192.0.2.7', '192.0.2.1'],
        }
        expect(await store.enrolments.get('router1')).toStrictEqual(seen)
        expect(await store.enrolments.list()).toStrictEqual([seen])
        expect(await store.enrolments.withPin(pinOf('key one').blob)).toStrictEqual([seen])
        expect(written(await store.enrolments.update('router1', (current) => current))).toStrictEqual(seen)
        const changed = await store.enrolments.update(
          'router1',
          (current) => current && { ...current, vendor: 'other' },
        )
        expect(written(changed)).toStrictEqual({ ...seen, vendor: 'other' })
        expect(await store.enrolments.get('router1')).toStrictEqual({ ...seen, vendor: 'other' })
      })

      it('sets when a device was first seen', async () => {
        await put(store, bare('router1'))
        store.enrolments.touch('router1', { at: noon, address: '192.0.2.7' })
        store.enrolments.touch('router1', { at: minutesAfterNoon(1), address: '192.0.2.7' })
        expect(await store.enrolments.get('router1')).toStrictEqual({
          ...bare('router1'),
          firstSeen: noon,
          lastSeen: minutesAfterNoon(1),
          addresses: ['192.0.2.7'],
        })
      })

      it('makes no enrolment', async () => {
        store.enrolments.touch('stranger', { at: noon, address: '192.0.2.7' })
        expect(await store.enrolments.get('stranger')).toBeUndefined()
        await put(store, bare('stranger'))
        expect(await store.enrolments.get('stranger')).toStrictEqual(bare('stranger'))
      })
    })

    describe('tokens', () => {
      const bareToken = { id: 'a1', user: 'ann', hash: Buffer.from([0, 255]), createdAt: noon, createdBy: 'operator' }
      const fullToken: ApiToken = {
        ...bareToken,
        id: 'b2',
        scopes: ['read', 'admin'],
        devices: ['site=tōkyō', '*'],
        description: 'nightly',
        createdAt: minutesAfterNoon(1),
        expiresAt: minutesAfterNoon(2),
        revocation: { at: minutesAfterNoon(3), by: 'ops' },
        lastUsedAt: minutesAfterNoon(4),
      }

      it('are kept whole, listed by age, changed and removed', async () => {
        const { tokens } = store
        for (const token of [fullToken, bareToken])
          expect(await tokens.update(token.id, () => token)).toEqual({ ok: true, value: token })
        expect(await tokens.get('b2')).toStrictEqual(fullToken)
        expect(await tokens.list()).toStrictEqual([bareToken, fullToken])
        await tokens.update('a1', (current) => current && { ...current, lastUsedAt: noon })
        expect(await tokens.get('a1')).toStrictEqual({ ...bareToken, lastUsedAt: noon })
        await tokens.update('a1', () => undefined)
        expect(await tokens.get('a1')).toBeUndefined()
        expect(await tokens.update('c3', (current) => current)).toEqual({ ok: true, value: undefined })
      })
    })

    describe('jobs', () => {
      const queued: Job = {
        id: 'job1',
        deviceId: 'router1',
        owner: { realm: 'local', name: 'ann', scopes: ['rpc'], devices: ['site=tōkyō'], token: 'a1', until: 7 },
        createdAt: noon,
        expiresAt: minutesAfterNoon(9),
        request: { path: '/rpc', body: '<edit-config>\0 "tōkyō"</edit-config>' },
        state: 'queued',
      }

      it('are kept whole, listed by age, replaced and removed', async () => {
        const { jobs } = store
        const done: Job = {
          ...queued,
          id: 'job0',
          createdAt: minutesAfterNoon(1),
          state: 'done',
          startedAt: minutesAfterNoon(2),
          finishedAt: minutesAfterNoon(3),
          answer: { status: 200, contentType: 'application/xml', body: '<ok/>' },
        }
        for (const job of [done, queued]) expect(await jobs.put(job)).toEqual({ ok: true, value: undefined })
        expect(await jobs.list()).toStrictEqual([queued, done])
        written(await jobs.put({ ...queued, state: 'cancelled' }))
        expect(await jobs.list()).toStrictEqual([{ ...queued, state: 'cancelled' }, done])
        written(await jobs.remove('job0'))
        written(await jobs.remove('job0'))
        expect(await jobs.list()).toStrictEqual([{ ...queued, state: 'cancelled' }])
      })

      it('are begun once, and only where they wait', async () => {
        const { jobs } = store
        written(await jobs.put(queued))
        const running: Job = { ...queued, state: 'running', startedAt: minutesAfterNoon(4) }
        expect(await jobs.begin('job1', minutesAfterNoon(4))).toStrictEqual({ ok: true, value: running })
        expect(await jobs.begin('job1', minutesAfterNoon(5))).toEqual({ ok: true, value: undefined })
        expect(await jobs.begin('nobody’s', noon)).toEqual({ ok: true, value: undefined })
        expect(await jobs.list()).toStrictEqual([running])
      })
    })

    describe('attached devices', () => {
      it('tells the next process which devices were attached, and when this one was there last', async () => {
        expect(store.attached.before).toEqual({ deviceIds: [] })
        for (const deviceId of ['a', 'b', 'c']) store.attached.note(deviceId, true)
        store.attached.note('b', false)
        const before = Date.now()
        await store.close()
        const second = await room.open()
        expect(second.attached.before.deviceIds.toSorted()).toEqual(['a', 'c'])
        expect(second.attached.before.lastAlive?.getTime()).toBeGreaterThanOrEqual(before)
        second.attached.note('a', false)
        await second.close()
        expect((await room.open()).attached.before.deviceIds).toEqual(['c'])
      })
    })

    describe('across a restart', () => {
      it('everything is there, sightings that waited included', async () => {
        await put(store, full('router1'), bare('router2'))
        store.enrolments.touch('router1', { at: minutesAfterNoon(9), address: '192.0.2.99' })
        written(await store.close())
        const after = await room.open()
        expect(await after.enrolments.list()).toStrictEqual([
          {
            ...full('router1'),
            lastSeen: minutesAfterNoon(9),
            addresses: ['192.0.2.99', '192.0.2.1', '2001:db8::1'],
          },
          bare('router2'),
        ])
      })
    })

    describe('close', () => {
      it('ends the store: writes answer a problem, reads reject with one, touches are passed over', async () => {
        await put(store, bare('router1'))
        expect(await store.close()).toEqual({ ok: true, value: undefined })
        expect(await store.close()).toEqual({ ok: true, value: undefined })
        expect(await store.enrolments.update('router1', () => undefined)).toMatchObject({
          ok: false,
          failure: { reason: 'io' },
        })
        await expect(store.enrolments.get('router1')).rejects.toMatchObject({ cause: { reason: 'io' } })
        await expect(store.enrolments.list()).rejects.toMatchObject({ cause: { reason: 'io' } })
        store.enrolments.touch('router1', { at: noon, address: '192.0.2.7' })
      })
    })
  })
}
