import { describe, expect, it, vi } from 'vitest'
import type { FleetEvents } from '../../src/fleet/events.js'
import type { Fleet, SessionOpening } from '../../src/fleet/fleet.js'
import type { FleetLimits, LocalFleet } from '../../src/fleet/local-fleet.js'
import { agreedKeyExchange } from '../../src/ssh/post-quantum.js'
import { aTurnLater, fleetElsewhere, later } from './support/fleet-elsewhere.js'
import { makeLink } from './support/hand-made-link.js'
import { nextEvent } from './support/next-event.js'
import { answerOf, client, makeFleet, netconf, router } from './support/test-fleet.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const

/** What every fleet gives to those who ask, wherever the links are. */
describe.each([
  ['of this node', (node: LocalFleet): Fleet => node],
  ['whose answers and events come a turn later', (node: LocalFleet) => fleetElsewhere(node, aTurnLater)],
  ['of a node 50 ms away', (node: LocalFleet) => fleetElsewhere(node, later(50))],
])('a fleet %s', (_name, seenFrom) => {
  /** Two devices; the links attach to `node`, and `fleet` is asked. */
  function make(limits: Partial<FleetLimits> = {}, devices = [router('router1'), router('router2')]) {
    const { fleet: node } = makeFleet(devices, { sessionWait: 5_000, ...limits })
    const fleet = seenFrom(node)
    const open = (deviceId = 'router1', signal?: AbortSignal): Promise<SessionOpening> =>
      fleet.openSession({ deviceId, request: netconf, client }, signal)
    return { node, fleet, open }
  }
  const opened = async (opening: Promise<SessionOpening>) => {
    const answer = await opening
    if (!answer.ok) throw new Error(answer.refusal.message)
    return answer
  }

  it('knows each device, with its link while it has one and why that ended afterwards', async () => {
    const { node, fleet } = make()
    expect(await fleet.device('nobody')).toBeUndefined()
    expect(await fleet.device('router1')).toEqual({ id: 'router1', labels: {}, maxSessions: 2 })
    const link = makeLink()
    node.attach(link)
    const { link: status } = (await fleet.device('router1')) ?? {}
    expect(status).toMatchObject({ source: link.source, sessions: 0, queued: 0, mostSessions: 2 })
    expect(status?.attachedAt).toBeInstanceOf(Date)
    const detached = nextEvent(fleet, 'detached')
    link.end(lost)
    await detached
    expect(await fleet.device('router1')).toMatchObject({ id: 'router1', lastDetached: { end: lost } })
    expect((await fleet.devices()).map(({ id }) => id)).toEqual(['router1', 'router2'])
  })

  it('gives copies: what was answered does not change, and changing it changes nothing', async () => {
    const { node, fleet, open } = make()
    node.attach(makeLink())
    const before = await fleet.device('router1')
    const { session } = await opened(open())
    const [listed] = await fleet.sessions()
    session.carried('fromClient', 5)
    expect(before?.link?.sessions).toBe(0)
    expect(listed?.bytes.fromClient).toBe(0)
    const counts = await fleet.counts()
    Object.assign(counts.sessions, { ssh: 99 })
    expect((await fleet.counts()).sessions).toEqual({ ssh: 1, http: 0 })
  })

  it('tells what happens to a device in its order, some time after it happened', async () => {
    const { node, fleet } = make()
    const told: string[] = []
    const tell = (name: string) => () => void told.push(name)
    fleet.subscribe({ attached: tell('attached'), replaced: tell('replaced'), detached: tell('detached') })
    const [first, second] = [makeLink({ source: '192.0.2.1:1' }), makeLink({ source: '192.0.2.1:2' })]
    node.attach(first)
    node.attach(second)
    const detached = nextEvent(fleet, 'detached')
    second.end(lost)
    expect(told).toEqual([])
    expect((await detached)[0]).toMatchObject({ deviceId: 'router1', end: lost })
    await vi.waitFor(() => expect(told).toEqual(['attached', 'replaced', 'detached']))
  })

  it('shows every link of a device that may have several, and opens sessions on all of them', async () => {
    const { node, fleet, open } = make({}, [{ ...router('router1'), maxConnections: 2 }])
    const [first, second] = [makeLink({ source: '192.0.2.1:1' }), makeLink({ source: '192.0.2.1:2' })]
    const told: string[] = []
    const tell = (name: string) => (event: { readonly number: number }) => void told.push(`${name} ${event.number}`)
    fleet.subscribe({
      attached: tell('attached'),
      'link-added': tell('link-added'),
      'link-ended': tell('link-ended'),
      detached: tell('detached'),
    })
    node.attach(first)
    node.attach(second)
    for (let count = 0; count < 4; count += 1) await opened(open())
    const status = await fleet.device('router1')
    expect(status?.links).toMatchObject([
      { number: 1, source: '192.0.2.1:1', sessions: 2 },
      { number: 2, source: '192.0.2.1:2', sessions: 2 },
    ])
    expect(status?.link).toEqual(status?.links?.[0])
    expect(new Set((await fleet.sessions()).map(({ link }) => link))).toEqual(new Set([1, 2]))
    expect(await fleet.counts()).toMatchObject({ attachedDevices: 1, links: 2 })
    expect(await fleet.disconnect('router1', 'alice', 1)).toBe(true)
    await vi.waitFor(async () => expect((await fleet.device('router1'))?.links).toHaveLength(1))
    expect(second.endedBy()).toBeUndefined()
    expect(await fleet.disconnect('router1', 'alice', 1)).toBe(false)
    const detached = nextEvent(fleet, 'detached')
    expect(await fleet.disconnect('router1', 'alice')).toBe(true)
    await detached
    expect(told).toEqual(['attached 1', 'link-added 2', 'link-ended 1', 'detached 2'])
  })

  it('tells nothing any more to who has left', async () => {
    const { node, fleet } = make()
    const told: string[] = []
    const leave = fleet.subscribe({ attached: ({ deviceId }) => told.push(deviceId) })
    const heard = nextEvent(fleet, 'attached')
    node.attach(makeLink())
    leave()
    await heard
    expect(told).toEqual([])
  })

  it('tells in plain data', async () => {
    const { node, fleet, open } = make({ sessionWait: 50 }, [router('router1', 1)])
    const told: object[] = []
    const types = new Set<string>()
    const tell = (type: string) => (event: object) => {
      told.push(event)
      types.add(type)
    }
    fleet.subscribe({
      attached: tell('attached'),
      replaced: tell('replaced'),
      detached: tell('detached'),
      refused: tell('refused'),
      'channel-lost': tell('channel-lost'),
      'session-opened': tell('session-opened'),
      'session-closed': tell('session-closed'),
      'session-refused': tell('session-refused'),
      'session-wanted': tell('session-wanted'),
    })
    node.attach(makeLink())
    const request = { kind: 'exec', command: 'login --password secret', terminal: terminal() } as const
    const opening = await fleet.openSession({ deviceId: 'router1', request, client })
    expect(answerOf(opening)).toBe('ok')
    expect(answerOf(await open())).toBe('link-full')
    if (opening.ok) await fleet.endSession(opening.session.id, 'alice')
    const newer = makeLink({ source: '192.0.2.1:2' })
    node.attach(newer)
    // As many as it has sessions end the link.
    newer.loseChannel()
    node.refuse({ reason: 'wrong-hmac', message: 'm', hint: 'h', source: 's' })
    await vi.waitFor(() => expect(types.size).toBe(9))
    expect(JSON.parse(JSON.stringify(told))).toEqual(told)
    expect(JSON.stringify(told)).not.toContain('secret')
  })

  it('opens a session on the link, lists it by its id, and ends it in the name of who asked', async () => {
    const { node, fleet, open } = make()
    const closed = nextEvent(fleet, 'session-closed')
    node.attach(makeLink())
    const { session } = await opened(open())
    session.carried('fromDevice', 7)
    expect(await fleet.sessions()).toMatchObject([
      {
        id: session.id,
        deviceId: 'router1',
        link: 1,
        client,
        request: netconf,
        bytes: { fromClient: 0, fromDevice: 7 },
      },
    ])
    expect(await fleet.endSession('nobodys', 'alice')).toBe(false)
    expect(await fleet.endSession(session.id, 'alice')).toBe(true)
    expect(await session.killed).toBe('alice')
    expect(await fleet.endSession(session.id, 'bob')).toBe(false)
    expect(await fleet.sessions()).toEqual([])
    expect((await closed)[0]).toMatchObject({ id: session.id, killedBy: 'alice', bytes: { fromDevice: 7 } })
  })

  it('lets a client wait for a free session, and tells that one is wanted', async () => {
    const { node, fleet, open } = make({}, [router('router1', 1)])
    node.attach(makeLink())
    const first = await opened(open())
    const wanted = nextEvent(fleet, 'session-wanted')
    const second = open()
    expect((await wanted)[0]).toEqual({ deviceId: 'router1' })
    await fleet.endSession(first.session.id, 'alice')
    expect(answerOf(await second)).toBe('ok')
  })

  it('refuses a client with the reason, and tells of it', async () => {
    const { fleet, open } = make()
    const refused: FleetEvents['session-refused'][] = []
    fleet.subscribe({ 'session-refused': (event) => void refused.push(event) })
    expect(answerOf(await open('nobody'))).toBe('unknown-device')
    const opening = await open('router1')
    expect(opening).toMatchObject({
      ok: false,
      refusal: { reason: 'not-connected', hint: expect.any(String) as string },
    })
    await vi.waitFor(() =>
      expect(refused.map(({ refusal }) => refusal.reason)).toEqual(['unknown-device', 'not-connected']),
    )
    expect(refused[1]).toMatchObject({ deviceId: 'router1', client })
  })

  it('takes a client to the next link of a device that has just lost its own', async () => {
    const { node, fleet, open } = make()
    const link = makeLink()
    node.attach(link)
    const detached = nextEvent(fleet, 'detached')
    link.end(lost)
    await detached
    const opening = open()
    await vi.waitFor(async () => expect((await fleet.counts()).waitingSessions).toBe(1))
    node.attach(makeLink({ source: '192.0.2.1:2' }))
    expect(answerOf(await opening)).toBe('ok')
  })

  it('forgets a client that goes away while it waits', async () => {
    const { node, fleet, open } = make()
    const link = makeLink()
    node.attach(link)
    const detached = nextEvent(fleet, 'detached')
    link.end(lost)
    await detached
    const leaving = new AbortController()
    const opening = open('router1', leaving.signal)
    await vi.waitFor(async () => expect((await fleet.counts()).waitingSessions).toBe(1))
    leaving.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    expect((await fleet.counts()).waitingSessions).toBe(0)
  })

  it('tells when a device is attached to whoever waits for it, for as long as they wait', async () => {
    const { node, fleet } = make()
    const waiting = fleet.whenAttached('router1', 10_000)
    node.attach(makeLink())
    expect(await waiting).toBe(true)
    expect(await fleet.whenAttached('router2', 20)).toBe(false)
    const leaving = new AbortController()
    const left = fleet.whenAttached('router2', 10_000, leaving.signal)
    leaving.abort()
    expect(await left).toBe(false)
  })

  it('ends a link in the name of who asked, and says whether there was one', async () => {
    const { node, fleet, open } = make()
    const link = makeLink()
    node.attach(link)
    const { channel } = await opened(open())
    const detached = nextEvent(fleet, 'detached')
    expect(await fleet.disconnect('router1', 'alice')).toBe(true)
    expect((await detached)[0].end).toEqual({ reason: 'disconnected', message: 'disconnected by alice' })
    expect(channel.linkEnd()?.reason).toBe('disconnected')
    expect(await fleet.disconnect('router1', 'alice')).toBe(false)
  })

  it('counts what there is', async () => {
    const { node, fleet, open } = make()
    node.attach(Object.assign(makeLink(), { keyExchange: agreedKeyExchange('mlkem768x25519-sha256') }))
    const { session } = await opened(open())
    session.carried('fromClient', 3)
    expect(await fleet.counts()).toEqual({
      attachedDevices: 1,
      links: 1,
      linkKeyExchanges: { 'post-quantum': 1, classical: 0 },
      sessions: { ssh: 1, http: 0 },
      waitingSessions: 0,
      bytes: { fromClient: 3, fromDevice: 0 },
    })
  })
})

function terminal() {
  return { type: 'xterm', modes: Buffer.of(0), columns: 80, rows: 24, width: 0, height: 0 }
}
