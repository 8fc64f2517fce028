import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ClusterEngine, EngineFailure } from '../../src/cluster/engine.js'
import type { SessionOpening } from '../../src/fleet/fleet.js'
import type { LocalFleet } from '../../src/fleet/local-fleet.js'
import { makeLink } from '../fleet/support/hand-made-link.js'
import { nextEvent } from '../fleet/support/next-event.js'
import { answerOf, client, netconf, router } from '../fleet/support/test-fleet.js'
import { engineInMemory, makeCluster, type TestCluster } from './support/nodes-in-memory.js'

const lost = { reason: 'lost', message: 'the device closed the connection' } as const

let cluster: TestCluster | undefined
afterEach(() => cluster?.close())

async function makeNodes(options: Parameters<typeof makeCluster>[1] = {}, ids: readonly string[] = ['a', 'b']) {
  cluster = await makeCluster(ids, options)
  const made = cluster
  return { made, a: made.node('a'), b: made.node('b') }
}

const open = (fleet: LocalFleet, signal?: AbortSignal): Promise<SessionOpening> =>
  fleet.openSession({ deviceId: 'router1', request: netconf, client }, signal)

/** Settles once a client waits. */
const held = (fleet: LocalFleet): Promise<void> =>
  vi.waitFor(async () => expect((await fleet.counts()).waitingSessions).toBe(1), { interval: 5, timeout: 5_000 })

const claimedBy = (engine: ClusterEngine, node: string): Promise<void> =>
  vi.waitFor(async () => expect((await engine.find(['router1']))[0]?.holder?.node).toBe(node), { timeout: 5_000 })

async function opened(opening: Promise<SessionOpening>) {
  const answer = await opening
  if (!answer.ok) throw new Error(answer.refusal.message)
  return answer
}

describe('fleets of several nodes', () => {
  it('give a client of one node a session on a device of another one, in both registers by one id', async () => {
    const { a, b } = await makeNodes()
    const link = makeLink()
    b.fleet.attach(link)
    const { session, channel } = await opened(open(a.fleet))
    expect(link.requests).toEqual([netconf])
    expect(link.users).toEqual(['ops'])
    const [there] = await b.fleet.sessions()
    const [here] = await a.fleet.sessions()
    expect(here).toMatchObject({ id: session.id, node: 'b', link: 0 })
    expect(there).toMatchObject({ id: session.id, link: 1, client: { user: 'ops', node: 'a' } })
    const over = nextEvent(a.fleet, 'session-closed')
    link.closeChannel(0)
    await channel.closed
    await over
    expect(await b.fleet.sessions()).toEqual([])
  })

  it('end the older link of a device that calls another node, and say where it is now', async () => {
    const { a, b } = await makeNodes()
    const older = makeLink()
    a.fleet.attach(older)
    const { channel } = await opened(open(a.fleet))
    b.fleet.attach(makeLink({ source: '192.0.2.7:2000' }))
    expect(await older.ended).toEqual({
      reason: 'replaced',
      message: 'the device dialled in again from 192.0.2.7:2000 at node b',
    })
    await channel.closed
    expect((await a.fleet.counts()).links).toBe(0)
    expect((await a.fleet.device('router1'))?.lastDetached?.end.reason).toBe('replaced')
    const [attachment] = [(await b.fleet.device('router1'))?.link]
    expect(attachment?.source).toBe('192.0.2.7:2000')
    // A client of the node that had it gets its next session there.
    await opened(open(a.fleet))
  })

  it('find out who is newer also where nothing that they tell each other comes through', async () => {
    const { made, a, b } = await makeNodes()
    const older = makeLink()
    a.fleet.attach(older)
    made.part('a', 'b')
    const newer = makeLink({ source: '192.0.2.7:2000' })
    b.fleet.attach(newer)
    expect(older.endedBy()).toBeUndefined()
    made.join('a', 'b')
    expect((await older.ended).reason).toBe('replaced')
    expect(newer.endedBy()).toBeUndefined()
  })

  it('serve a client that waits as soon as they are told that its device called another node', async () => {
    const engine = engineInMemory()
    let isAway = false
    const find: ClusterEngine['find'] = (ids) =>
      isAway ? Promise.reject(new EngineFailure('the engine is away', 'wait')) : engine.find(ids)
    const { a, b } = await makeNodes({ engineFor: () => ({ ...engine, find }) })
    const link = makeLink()
    a.fleet.attach(link)
    const detached = nextEvent(a.fleet, 'detached')
    link.end(lost)
    await detached
    const waiting = open(a.fleet)
    await held(a.fleet)
    // Nobody can look.
    isAway = true
    b.fleet.attach(makeLink())
    await opened(waiting)
  })

  it('serve it by looking again where no message comes through', async () => {
    const { made, a, b } = await makeNodes()
    const link = makeLink()
    a.fleet.attach(link)
    const detached = nextEvent(a.fleet, 'detached')
    link.end(lost)
    await detached
    const waiting = open(a.fleet)
    await held(a.fleet)
    made.loseMessages(true)
    b.fleet.attach(makeLink())
    await opened(waiting)
  })

  it('hold a client of one node while its device has just lost its link at another one', async () => {
    const { a, b } = await makeNodes()
    const link = makeLink()
    b.fleet.attach(link)
    await opened(open(a.fleet))
    const detached = nextEvent(b.fleet, 'detached')
    link.end(lost)
    await detached
    const waiting = open(a.fleet)
    await held(a.fleet)
    a.fleet.attach(makeLink({ source: '192.0.2.8:1' }))
    const { session } = await opened(waiting)
    expect((await a.fleet.sessions()).find(({ id }) => id === session.id)?.node).toBeUndefined()
  })

  it('refuse a client at once whose device nobody has ever had', async () => {
    const { a } = await makeNodes()
    const began = performance.now()
    expect(answerOf(await open(a.fleet))).toBe('not-connected')
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  it('hold a client whose device is at a node that is not reached, then say which one', async () => {
    const { made, a, b } = await makeNodes({ changed: { reconnectWait: 300 } })
    b.fleet.attach(makeLink())
    await opened(open(a.fleet))
    made.part('a', 'b')
    const began = performance.now()
    const opening = await open(a.fleet)
    expect(performance.now() - began).toBeGreaterThan(290)
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'node-unreachable' } })
    if (!opening.ok) expect(opening.refusal.message).toContain('node b')
  })

  it('serve it as soon as that node is reached again', async () => {
    const { made, a, b } = await makeNodes()
    b.fleet.attach(makeLink())
    await opened(open(a.fleet))
    made.part('a', 'b')
    const waiting = open(a.fleet)
    await held(a.fleet)
    made.join('a', 'b')
    await opened(waiting)
  })

  it('tell a client of one node what bounds there are at the other', async () => {
    const { a, b } = await makeNodes({ changed: { sessionWait: 50 } })
    b.fleet.attach(makeLink())
    await opened(open(a.fleet))
    await opened(open(b.fleet))
    expect(await open(a.fleet)).toMatchObject({ ok: false, refusal: { reason: 'link-full' } })
  })

  it('give clients of other nodes sessions while a node is stopping, and its own none', async () => {
    const { a, b } = await makeNodes()
    b.fleet.attach(makeLink())
    const { session } = await opened(open(b.fleet))
    const drained = b.fleet.drain()
    expect(answerOf(await open(b.fleet))).toBe('shutting-down')
    const other = await opened(open(a.fleet))
    await b.fleet.endSession(session.id, 'op')
    await b.fleet.endSession(other.session.id, 'op')
    await drained
  })

  it('keep the links of a device that may have several, and go on where the newest of them ends', async () => {
    const devices = [{ ...router('router1'), maxConnections: 2 }]
    const { made, a, b } = await makeNodes({ devices }, ['a', 'b', 'c'])
    const [first, second] = [makeLink(), makeLink({ source: '192.0.2.7:2000' })]
    a.fleet.attach(first)
    b.fleet.attach(second)
    const c = made.node('c').fleet
    await opened(open(c))
    expect(second.requests).toHaveLength(1)
    expect(first.endedBy()).toBeUndefined()
    const detached = nextEvent(b.fleet, 'detached')
    second.end(lost)
    await detached
    // Whatever they have told each other of it is heard by now.
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    await opened(open(c))
    expect(first.requests).toHaveLength(1)
  })

  it('tell of a device whose links end each other at two nodes again and again', async () => {
    const told: string[] = []
    const { a, b } = await makeNodes({
      reportOf: (id) => ({ contested: (deviceId, node) => told.push(`${id}: ${deviceId} moves to ${node}`) }),
    })
    for (let round = 0; round < 3; round += 1)
      for (const { fleet } of [a, b]) {
        const link = makeLink()
        fleet.attach(link)
        const other = fleet === a.fleet ? b.fleet : a.fleet
        await vi.waitFor(async () => expect((await other.counts()).links).toBe(0))
      }
    expect(told).toEqual(['a: router1 moves to b'])
  })

  it('drain one of them: links that nobody uses go first, the others with their last session', async () => {
    const engine = engineInMemory()
    const { a, b } = await makeNodes({ engineFor: () => engine })
    const [busy, idle] = [makeLink(), makeLink({ deviceId: 'router2' })]
    b.fleet.attach(busy)
    b.fleet.attach(idle)
    const { session } = await opened(open(a.fleet))
    let isDrained = false
    const drained = b.cluster.drain().then(() => {
      isDrained = true
    })
    expect((await idle.ended).reason).toBe('draining')
    // Clients of both nodes still get sessions on the link that is there; the device that was let go calls the other.
    a.fleet.attach(makeLink({ deviceId: 'router2', source: '192.0.2.7:2000' }))
    const other = await opened(open(a.fleet))
    await opened(b.fleet.openSession({ deviceId: 'router2', request: netconf, client }))
    expect(isDrained).toBe(false)
    await a.fleet.endSession(session.id, 'op')
    await a.fleet.endSession(other.session.id, 'op')
    busy.closeChannel(0)
    busy.closeChannel(1)
    expect((await busy.ended).reason).toBe('draining')
    await drained
    await b.cluster.leave()
    const [row] = await engine.find(['router1'])
    expect(row?.holder).toBeUndefined()
    expect(row?.ended?.reason).toBe('draining')
  })

  it('dial all that the engine knows, but for those that were not seen for a day', async () => {
    const engine = engineInMemory()
    const beat: ClusterEngine['beat'] = async (life, record) => {
      const answer = await engine.beat(life, record)
      const gone = { ...record, node: 'gone', incarnation: 1, seenAgo: 25 * 3_600_000 }
      const restarting = { ...gone, node: 'restarting', seenAgo: 3_600_000 }
      return { ...answer, nodes: [...answer.nodes, gone, restarting] }
    }
    const { made } = await makeNodes({ engineFor: () => ({ ...engine, beat }) })
    await vi.waitFor(() => expect(made.dialledBy('a')).toEqual(['b', 'restarting']), { timeout: 5_000 })
  })

  it('have a device nowhere that calls another node, and leaves that before it could be claimed there', async () => {
    const engine = engineInMemory()
    const claim: ClusterEngine['claim'] = () => Promise.reject(new EngineFailure('the engine is away', 'wait'))
    const { a, b } = await makeNodes({ engineFor: (id) => (id === 'b' ? { ...engine, claim } : engine) })
    a.fleet.attach(makeLink())
    await claimedBy(engine, 'a')
    const newer = makeLink({ source: '192.0.2.7:2000' })
    b.fleet.attach(newer)
    await vi.waitFor(async () => expect((await a.fleet.counts()).links).toBe(0))
    newer.end(lost)
    await vi.waitFor(async () => expect((await engine.find(['router1']))[0]?.holder).toBeUndefined())
    expect((await engine.find(['router1']))[0]?.ended?.reason).toBe('replaced')
  })

  it('compare what they have with what the engine says now and then, although nothing was missed', async () => {
    const engine = engineInMemory()
    const { a } = await makeNodes({ engineFor: () => engine, limits: { verify: 50 } })
    a.fleet.attach(makeLink())
    await claimedBy(engine, 'a')
    const { holder, epoch } = (await engine.find(['router1']))[0] ?? {}
    if (holder === undefined || epoch === undefined) throw new Error('it was claimed')
    // Somebody has written into the database by hand.
    await engine.release(holder, [{ deviceId: 'router1', epoch, ended: { at: 1, reason: 'lost', message: '' } }])
    await claimedBy(engine, 'a')
  })

  it('refuse what is addressed to a link that a node has not any more, and the client gets the new one', async () => {
    const { made, a, b } = await makeNodes({}, ['a', 'b', 'c'])
    const c = made.node('c')
    b.fleet.attach(makeLink())
    await opened(open(a.fleet))
    // What a knows is out of date from here on.
    made.loseMessages(true)
    c.fleet.attach(makeLink({ source: '192.0.2.7:2000' }))
    made.loseMessages(false)
    made.part('b', 'c')
    made.join('b', 'c')
    const { session } = await opened(open(a.fleet))
    expect((await a.fleet.sessions()).find(({ id }) => id === session.id)?.node).toBe('c')
  })
})
