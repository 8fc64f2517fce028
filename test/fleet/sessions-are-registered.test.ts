import { describe, expect, it } from 'vitest'
import type { FleetEvents } from '../../src/fleet/events.js'
import { makeLink } from './support/hand-made-link.js'
import { client, makeFleet, netconf, router, settled } from './support/test-fleet.js'

/** A fleet whose `router1` has a link. */
function makeAttached(maxSessions = 2) {
  const made = makeFleet([router('router1', maxSessions)], { maxQueuedSessions: 0 })
  const link = makeLink()
  made.fleet.attach(link)
  const closed: FleetEvents['session-closed'][] = []
  const refused: string[] = []
  made.fleet.subscribe({ 'session-closed': (session) => closed.push(session) })
  made.fleet.subscribe({ 'session-refused': ({ refusal }) => refused.push(refusal.reason) })
  return { ...made, link, closed, refused }
}

async function opened(open: ReturnType<typeof makeFleet>['open']) {
  const opening = await open()
  if (!opening.ok) throw new Error(opening.refusal.message)
  return opening
}

describe('a session', () => {
  it('is listed with how the keys of its client were exchanged', async () => {
    const { fleet } = makeAttached()
    const keyExchange = { name: 'mlkem768x25519-sha256', postQuantum: true }
    await fleet.openSession({ deviceId: 'router1', request: netconf, client, keyExchange })
    expect(await fleet.sessions()).toMatchObject([{ link: 1, keyExchange }])
  })

  it('is listed with whom it is for and what it carried, until its channel closes', async () => {
    const { fleet, open, link, closed } = makeAttached()
    const { session } = await opened(open)
    session.carried('fromClient', 5)
    session.carried('fromDevice', 7)
    session.carried('fromDevice', 1)
    const [listed, ...others] = await fleet.sessions()
    expect(others).toEqual([])
    expect(listed).toMatchObject({
      id: expect.stringMatching(/^[0-9a-hjkmnp-tv-z]{8}$/) as string,
      deviceId: 'router1',
      client,
      request: netconf,
      bytes: { fromClient: 5, fromDevice: 8 },
    })
    session.carried('fromClient', 1)
    expect(listed?.bytes.fromClient).toBe(5)
    link.closeChannel(0)
    await settled()
    expect(await fleet.sessions()).toEqual([])
    expect(closed).toEqual([expect.objectContaining({ id: session.id, bytes: { fromClient: 6, fromDevice: 8 } })])
    expect(closed[0]?.killedBy).toBeUndefined()
    // What was carried stays counted.
    expect(await fleet.counts()).toMatchObject({
      links: 1,
      sessions: { ssh: 0, http: 0 },
      waitingSessions: 0,
      bytes: { fromClient: 6, fromDevice: 8 },
    })
  })

  it('has an id of its own', async () => {
    const { fleet, open } = makeAttached(20)
    await Promise.all(Array.from({ length: 20 }, () => opened(open)))
    expect(new Set((await fleet.sessions()).map(({ id }) => id)).size).toBe(20)
    expect((await fleet.counts()).sessions).toEqual({ ssh: 20, http: 0 })
  })

  it('that is killed is gone at once with its place, and is told by whom', async () => {
    const { fleet, open, link, closed } = makeAttached(1)
    const { session } = await opened(open)
    expect(await fleet.endSession(session.id, 'alice')).toBe(true)
    expect(await session.killed).toBe('alice')
    expect(await fleet.sessions()).toEqual([])
    expect(closed).toEqual([expect.objectContaining({ id: session.id, killedBy: 'alice' })])
    expect(await fleet.endSession(session.id, 'bob')).toBe(false)
    expect((await open()).ok).toBe(true)
    // The device closes late, and gives no second place back.
    link.closeChannel(0)
    await settled()
    expect((await open()).ok).toBe(false)
    expect(closed).toHaveLength(1)
  })

  it('that was refused is told with its reason', async () => {
    const { open, refused, fleet } = makeAttached()
    await open('nobody')
    fleet.close()
    await open()
    expect(refused).toEqual(['unknown-device', 'shutting-down'])
  })
})
