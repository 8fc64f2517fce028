import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Device } from '../../../src/fleet/device.js'
import type { ConfiguredDevice } from '../../../src/fleet/enrolment/enrolled-device.js'
import { createEnrolmentService, type EnrolmentService } from '../../../src/fleet/enrolment/enrolment-service.js'
import { createFleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import type { Store } from '../../../src/store/store.js'
import { deferred, newDeviceKey } from '../../southbound/support/calling-device.js'
import { makeStoreRoom, type StoreRoom } from '../../store/store-room.js'
import { approveShown } from '../support/approve.js'

const [key, otherKey] = [newDeviceKey().blob, newDeviceKey().blob]

/** One of the nodes that share a store. */
interface Node {
  readonly service: EnrolmentService
  /** Devices that clients may reach since. */
  readonly added: Device[]
  /** How often links had to be judged again. */
  readonly judgedAgain: () => number
}

let room: StoreRoom
let store: Store
/** Holds the connections of devices. */
let holder: Node
/** Where the operator decides. */
let decider: Node

beforeEach(async () => {
  room = await makeStoreRoom()
  store = await room.open()
  ;[holder, decider] = [await startNode(store), await startNode(store)]
})
afterEach(() => room.remove())

async function startNode(on: Pick<Store, 'enrolments'>, configured: readonly ConfiguredDevice[] = []): Promise<Node> {
  const added: Device[] = []
  let judged = 0
  const service = await createEnrolmentService({
    store: on,
    events: createFleetEmitter(),
    configured,
    limits: { maxPending: 8, maxPendingPerSource: 8, pendingTimeout: 60_000, pendingLifetime: 86_400_000 },
    linkBounds: { maxSessions: 10 },
    added: (device) => added.push(device),
    changed: () => (judged += 1),
    relabelled: () => undefined,
    left: () => undefined,
    onStoreProblem: () => undefined,
  })
  return { service, added, judgedAgain: () => judged }
}

/** A connection of a device that nothing vouches for, at `holder`; settles once the other node has heard of it. */
async function holdPending(deviceId = 'router1') {
  const gone = new AbortController()
  const outcome = holder.service.holdPending({ deviceId, key, source: '192.0.2.1:1000' }, gone.signal)
  await vi.waitFor(() => expect(decider.service.known().byId(deviceId)?.expected).toBe(false))
  return { outcome, gone }
}

const pinsAt = ({ service }: Node, deviceId = 'router1') =>
  service
    .known()
    .byId(deviceId)
    ?.pins.map(({ blob }) => blob)

describe('what an operator decides at another node', () => {
  it('lets a device in that waits at this one, and clients may reach it here', async () => {
    const { outcome } = await holdPending()
    expect(await approveShown(decider.service, 'router1', 'alice')).toMatchObject({ ok: true })
    expect(await outcome).toBe('decided')
    expect(pinsAt(holder)).toEqual([key])
    expect(holder.added.map(({ id }) => id)).toEqual(['router1'])
    expect(holder.service.expects('router1')).toBe(true)
  })

  it('turns away a device that waits at this one', async () => {
    const { outcome } = await holdPending()
    await decider.service.reject('router1', 'alice')
    expect(await outcome).toBe('decided')
    expect(holder.service.known().byId('router1')?.rejected).toBe(true)
  })

  it('gives a device that waits at this one another id', async () => {
    const { outcome } = await holdPending('unknown')
    await approveShown(decider.service, 'unknown', 'alice', 'switch1')
    expect(await outcome).toBe('decided')
    await vi.waitFor(() => expect(pinsAt(holder, 'switch1')).toEqual([key]))
    expect(holder.service.known().byId('unknown')).toBeUndefined()
  })

  it.each([
    ['rejected', (service: EnrolmentService) => service.reject('router1', 'alice')],
    ['forgotten', (service: EnrolmentService) => service.forget('router1', 'alice')],
  ])('has the links here judged again, once it is %s', async (_what, decide) => {
    await holder.service.bind('router1', key, { how: 'first-use', source: '192.0.2.1:4334' })
    await vi.waitFor(() => expect(pinsAt(decider)).toEqual([key]))
    const before = holder.judgedAgain()
    await decide(decider.service)
    await vi.waitFor(() => expect(holder.judgedAgain()).toBe(before + 1))
    expect(holder.service.expects('router1')).toBe(false)
  })

  it('binds a device to another key here as well', async () => {
    await holder.service.bind('router1', key, { how: 'first-use', source: '192.0.2.1:4334' })
    const changed = { reason: 'host-key-not-pinned', message: 'm', hint: 'h' } as const
    holder.service.refused({ ...changed, deviceId: 'router1', source: '192.0.2.1:1' }, otherKey)
    await vi.waitFor(async () => expect((await decider.service.get('router1'))?.presented).toBeDefined())
    const fingerprint = (await decider.service.get('router1'))?.presented?.fingerprint ?? ''
    await vi.waitFor(async () =>
      expect(await decider.service.repin('router1', 'alice', fingerprint)).toMatchObject({ ok: true }),
    )
    await vi.waitFor(() => expect(pinsAt(holder)).toEqual([otherKey]))
    expect(holder.judgedAgain()).toBe(1)
  })
})

describe('what this node changes', () => {
  it('is followed once, though the store tells of it too', async () => {
    await decider.service.add({ deviceId: 'router1', secret: 's' }, 'alice')
    await vi.waitFor(() => expect(holder.added).toHaveLength(1))
    expect(decider.added).toHaveLength(1)
    expect([holder.judgedAgain(), decider.judgedAgain()]).toEqual([0, 0])
  })

  it('counts beside what another node changes at the same time', async () => {
    await decider.service.add({ deviceId: 'router1', secret: 's' }, 'alice')
    await vi.waitFor(() => expect(holder.service.expects('router1')).toBe(true))
    // The writes of this node take their time.
    const released = deferred<undefined>()
    const slow: Pick<Store, 'enrolments'> = {
      enrolments: {
        ...store.enrolments,
        update: async (...change) => {
          await released.promise
          return store.enrolments.update(...change)
        },
      },
    }
    const third = await startNode(slow)
    const bound = third.service.bind('router1', key, { how: 'hmac', source: '192.0.2.1:4334' })
    await decider.service.reject('router1', 'alice')
    // Its own change is not lost by what it hears meanwhile.
    expect(pinsAt(third)).toEqual([key])
    released.resolve(undefined)
    await bound
    expect(pinsAt(third)).toEqual([key])
    expect(third.service.known().byId('router1')?.rejected).toBe(true)
    await vi.waitFor(() => expect(pinsAt(decider)).toEqual([key]))
  })

  it('counts here where it cannot be written, whatever is told of an earlier change', async () => {
    const broken: Pick<Store, 'enrolments'> = {
      enrolments: {
        ...store.enrolments,
        update: async () => ({ ok: false, failure: { reason: 'disk-full', message: 'full', hint: 'make room' } }),
      },
    }
    await holder.service.bind('router1', key, { how: 'first-use', source: '192.0.2.1:4334' })
    const third = await startNode(broken)
    expect(await third.service.reject('router1', 'alice')).toMatchObject({
      ok: false,
      refusal: { reason: 'not-written' },
    })
    expect(third.service.known().byId('router1')?.rejected).toBe(true)
    expect(third.judgedAgain()).toBe(1)
  })
})
