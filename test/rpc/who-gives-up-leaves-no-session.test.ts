import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { element } from '../../src/netconf/xml/xml-tree.js'
import { openDeviceSession } from '../../src/rpc/device-session.js'
import { oneShotSession } from '../../src/rpc/one-shot-session.js'
import { createCallDeadline } from '../../src/rpc/call-deadline.js'
import { createClientSessions } from '../../src/rpc/client-sessions.js'
import { createSessionPool } from '../../src/rpc/session-pool.js'
import { keepSubscribed } from '../../src/northbound/http/streams/notification-subscription.js'
import { type DeviceInMemory, deviceInMemory } from '../northbound/http/rpc/support/device-in-memory.js'

let device: DeviceInMemory

beforeEach(() => {
  device = deviceInMemory()
})
afterEach(() => device.stop())

const client = { user: 'netops', source: 'local', via: 'http' } as const
const limits = { warmSessions: 2, warmSessionPipeline: 4, warmSessionIdle: 60_000, maxWarmSessions: 1000 }
const noneIsLeft = () => vi.waitFor(() => expect(device.open.size).toBe(0))
/** What XML 1.0 cannot hold. */
const unsendable = element(NETCONF_NS, 'get', [element(NETCONF_NS, 'filter', '\u0001')])

/** A fleet whose next session is opened just as the client goes away. */
function leavingAsItOpens(gone: AbortController): DeviceInMemory['fleet'] {
  return {
    ...device.fleet,
    openSession: async (...asked) => {
      const opening = await device.fleet.openSession(...asked)
      gone.abort()
      return opening
    },
  }
}

describe('a client that goes away', () => {
  it('while its session is opened leaves none behind', async () => {
    const gone = new AbortController()
    const opening = await openDeviceSession(
      { fleet: leavingAsItOpens(gone), deviceId: 'router1', client },
      { signal: gone.signal },
    )
    expect(opening).toMatchObject({ ok: false, failure: { cause: 'client-gone' } })
    await noneIsLeft()
  })

  it('while the device greets leaves none behind', async () => {
    const gone = new AbortController()
    const opening = openDeviceSession({ fleet: device.fleet, deviceId: 'router1', client }, { signal: gone.signal })
    await vi.waitFor(() => expect(device.open.size).toBe(1))
    gone.abort()
    await opening
    await noneIsLeft()
  })

  const subscribe = (gone: AbortController, fleet = device.fleet) =>
    keepSubscribed(
      {
        fleet: { ...fleet, whenAttached: async () => true },
        deviceId: 'router1',
        client,
        request: {},
        signal: gone.signal,
      },
      { subscribed: () => undefined, notified: () => undefined, interrupted: () => undefined },
    )

  it.each([
    ['while the session of its subscription is opened', false],
    ['while its subscription is asked for', true],
  ])('%s leaves none behind', async (_, untilAsked) => {
    const gone = new AbortController()
    const ending = subscribe(gone, untilAsked ? device.fleet : leavingAsItOpens(gone))
    if (untilAsked) {
      expect((await device.next()).text).toContain('create-subscription')
      gone.abort()
    }
    expect(await ending).toEqual({ cause: 'cancelled' })
    await noneIsLeft()
  })
})

describe('a request that cannot be written', () => {
  it('leaves no place taken in the session, which goes on', async () => {
    const pool = createSessionPool(device.fleet, () => limits)
    const place = { deviceId: 'router1', roles: ['operator'] }
    const { signal } = new AbortController()
    const ask = () => pool.at(place).ask(unsendable, { repeatable: true, deadline: { signal, time: signal } })
    // More than a session may have under way.
    for (let time = 0; time < 70; time += 1)
      expect(await ask()).toMatchObject({ ok: false, failure: { cause: 'invalid-request' } })
    const answered = pool.at(place).ask({ text: '<get/>' }, { repeatable: true, deadline: { signal, time: signal } })
    const asked = await device.next()
    asked.answer()
    expect(await answered).toMatchObject({ ok: true })
    expect(device.clients.length).toBeLessThanOrEqual(2)
    await pool.close()
    await noneIsLeft()
  })

  it('ends the session that was opened for it, and says that nothing happened', async () => {
    const deadline = createCallDeadline(new AbortController().signal, 60_000)
    const answer = await oneShotSession({ fleet: device.fleet, deviceId: 'router1', client }).ask(unsendable, {
      deadline,
      repeatable: false,
    })
    expect(answer).toMatchObject({ ok: false, failure: { cause: 'invalid-request' } })
    expect(answer).not.toHaveProperty('failure.mayHaveHappened')
    deadline.met()
    await noneIsLeft()
  })
})

describe('a fleet that throws', () => {
  const broken: DeviceInMemory['fleet'] = {
    subscribe: (listeners) => device.fleet.subscribe(listeners),
    openSession: async () => {
      throw new Error('not to be foreseen')
    },
  }

  it('fails the call, and takes no place among the sessions', async () => {
    const pool = createSessionPool(broken, () => limits)
    const { signal } = new AbortController()
    const asked = { repeatable: true, deadline: { signal, time: signal } }
    expect(await pool.at({ deviceId: 'router1', roles: [] }).ask(unsendable, asked)).toMatchObject({
      failure: { cause: 'no-session' },
    })
    expect(pool.count()).toBe(0)
    const most = { sessionIdle: 60_000, sessionLifetime: 60_000, maxSessions: 1, maxSessionsPerUser: 1 }
    const owner = { realm: 'local', name: 'netops' } as const
    const sessions = createClientSessions(broken, () => most)
    for (let time = 0; time < 3; time += 1)
      expect(await sessions.open({ owner, deviceId: 'router1', client }, { signal })).toMatchObject({
        failure: { cause: 'no-session' },
      })
    await pool.close()
  })
})
