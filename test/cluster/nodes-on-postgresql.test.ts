import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ClusterEngine } from '../../src/cluster/engine.js'
import { createPostgresClusterEngine } from '../../src/cluster/postgres-cluster-engine.js'
import type { LocalFleet } from '../../src/fleet/local-fleet.js'
import { type PostgresServer, startPostgresServer } from '../e2e/parts/postgres-server.js'
import { type HandMadeLink, makeLink } from '../fleet/support/hand-made-link.js'
import { client, netconf } from '../fleet/support/test-fleet.js'
import { createTables } from './support/create-tables.js'
import { LEASE, makeCluster, type TestCluster } from './support/nodes-in-memory.js'
import { failureOf, openPool, type PoolDatabase } from './support/pool-database.js'

let server: PostgresServer
let cluster: TestCluster | undefined
const pools: PoolDatabase[] = []

beforeAll(async () => {
  server = await startPostgresServer()
})
afterEach(async () => {
  cluster?.close()
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})
afterAll(() => server.remove())

/** Three nodes on a database of their own. */
async function makeNodes(options: { readonly asksForTime?: boolean } = {}) {
  const url = await server.createDatabase()
  await createTables(server, url)
  const engineFor = (): ClusterEngine => {
    const database = openPool(url)
    pools.push(database)
    return createPostgresClusterEngine({ database, lease: LEASE, failureOf })
  }
  cluster = await makeCluster(['a', 'b', 'c'], { engineFor, ...options })
  const { node } = cluster
  const engine = engineFor()
  /** Settles once the row of a device names this node, by the epoch that the node has itself. */
  const namesHolder = (deviceId: string, id: string): Promise<void> =>
    vi.waitFor(
      async () => {
        const [row] = await engine.find([deviceId])
        const held = node(id)
          .cluster.hello()
          .flatMap(({ links }) => links)
          .find((link) => link.deviceId === deviceId)
        expect(held?.epoch).toBeGreaterThan(0)
        expect(row).toMatchObject({ holder: node(id).cluster.life, epoch: held?.epoch, provenAt: held?.provenAt })
      },
      { timeout: 15_000, interval: 50 },
    )
  return { a: node('a'), b: node('b'), c: node('c'), engine, namesHolder }
}

async function open(fleet: LocalFleet, deviceId = 'router1') {
  const opening = await fleet.openSession({ deviceId, request: netconf, client })
  if (!opening.ok) throw new Error(opening.refusal.message)
  return opening
}

describe('nodes on PostgreSQL', () => {
  it('have one link of a device that calls one after the other, and its row names the last', async () => {
    const { a, b, c, namesHolder } = await makeNodes()
    const links: HandMadeLink[] = []
    for (const { fleet } of [a, b, c, a, c, b]) {
      const link = makeLink()
      links.push(link)
      fleet.attach(link)
      // A device does not call twice in one millisecond.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await namesHolder('router1', 'b')
    for (const link of links.slice(0, -1)) expect((await link.ended).reason).toBe('replaced')
    expect(links.at(-1)?.endedBy()).toBeUndefined()
    for (const [at, { fleet }] of [a, b, c].entries()) {
      const { channel } = await open(fleet)
      links.at(-1)?.closeChannel(at)
      await channel.closed
    }
  })

  it('go on without their engine: links, sessions, devices that call another node; and claim it all afterwards', async () => {
    const { a, b, c, namesHolder } = await makeNodes()
    const [first, second] = [makeLink(), makeLink({ deviceId: 'router2' })]
    b.fleet.attach(first)
    b.fleet.attach(second)
    await namesHolder('router1', 'b')
    await namesHolder('router2', 'b')
    await server.kill()
    try {
      await vi.waitFor(() => expect(a.cluster.engineIsUp()).toBe(false), { timeout: 15_000 })
      await open(a.fleet)
      await open(c.fleet, 'router2')
      const moved = makeLink({ source: '192.0.2.7:2000' })
      a.fleet.attach(moved)
      expect((await first.ended).reason).toBe('replaced')
      await open(c.fleet)
      expect(moved.requests).toHaveLength(1)
      expect(second.endedBy()).toBeUndefined()
    } finally {
      await server.start()
    }
    await namesHolder('router1', 'a')
    await namesHolder('router2', 'b')
    await vi.waitFor(() => expect(a.cluster.engineIsUp()).toBe(true), { timeout: 15_000 })
    expect(second.endedBy()).toBeUndefined()
  })

  it('free what they have lost, and remember how it ended', async () => {
    const { a, b, engine, namesHolder } = await makeNodes({ asksForTime: true })
    const link = makeLink()
    a.fleet.attach(link)
    await namesHolder('router1', 'a')
    const { provenAt = 0 } = (await engine.find(['router1']))[0] ?? {}
    expect(Math.abs(provenAt - Date.now())).toBeLessThan(15_000)
    link.end({ reason: 'keepalive-timeout', message: 'the device answered no keepalive probe' })
    await vi.waitFor(
      async () => {
        const [row] = await engine.find(['router1'])
        expect(row?.holder).toBeUndefined()
        expect(row?.ended?.reason).toBe('keepalive-timeout')
        expect(Math.abs((row?.ended?.at ?? 0) - Date.now())).toBeLessThan(15_000)
      },
      { timeout: 15_000 },
    )
    // A client of another node is held, because the device has just lost its link.
    const waiting = open(b.fleet)
    await vi.waitFor(async () => expect((await b.fleet.counts()).waitingSessions).toBe(1), { timeout: 5_000 })
    a.fleet.attach(makeLink())
    await waiting
  })
})
