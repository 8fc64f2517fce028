import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClusterEngine, EngineFailure, type NodeRecord } from '../../src/cluster/engine.js'
import type { NodeLife } from '../../src/cluster/peer-messages.js'
import { createPostgresClusterEngine } from '../../src/cluster/postgres-cluster-engine.js'
import { type PostgresServer, startPostgresServer } from '../e2e/parts/postgres-server.js'
import { createTables, nameOf } from './support/create-tables.js'
import { failureOf, openPool, type PoolDatabase } from './support/pool-database.js'

const LEASE = 6_000
const source = '192.0.2.1:40000'

let server: PostgresServer
const pools: PoolDatabase[] = []

beforeAll(async () => {
  server = await startPostgresServer()
})

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()))
  await server.remove()
})

const recordOf = (node: string): NodeRecord => ({
  node,
  address: `192.0.2.9:4350`,
  state: 'up',
  version: '0.3.0',
  configHash: 'abc',
  hostKeyFingerprint: 'SHA256:abc',
})

/** A database of its own, and engines on it, each with connections of its own, as nodes have them. */
async function makeDatabase() {
  const url = await server.createDatabase()
  await createTables(server, url)
  const open = (lease = LEASE): ClusterEngine => {
    const database = openPool(url)
    pools.push(database)
    return createPostgresClusterEngine({ database, lease, failureOf })
  }
  return { open, sql: (statements: string) => server.sql(statements, nameOf(url)) }
}

const want = (deviceId: string, provenAt: number, known = 0) => ({ deviceId, provenAt, source, known })
const rowOf = async (engine: ClusterEngine, deviceId: string) => (await engine.find([deviceId]))[0]

describe('the engine on PostgreSQL', () => {
  it('gives a device to whoever proved it last, and says who had it before', async () => {
    const { open } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    const b = await engine.join(recordOf('b'))
    expect(await engine.claim(a, [want('router1', 1000)])).toEqual([{ deviceId: 'router1', epoch: 1 }])
    expect(await engine.claim(b, [want('router1', 2000)])).toEqual([{ deviceId: 'router1', epoch: 2, before: a }])
    expect(await engine.claim(a, [want('router1', 1999)])).toEqual([])
    expect(await rowOf(engine, 'router1')).toEqual({ deviceId: 'router1', holder: b, epoch: 2, provenAt: 2000 })
  })

  it('lets of two proofs in one millisecond that of the later name win, whoever claims first', async () => {
    const { open } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    const b = await engine.join(recordOf('b'))
    await engine.claim(a, [want('router1', 1000)])
    await engine.claim(b, [want('router1', 1000), want('router2', 1000)])
    await engine.claim(a, [want('router1', 1000), want('router2', 1000)])
    expect(await rowOf(engine, 'router1')).toMatchObject({ holder: b })
    expect(await rowOf(engine, 'router2')).toMatchObject({ holder: b })
  })

  it('gives a greater epoch than the node knows, also where the engine has lost it', async () => {
    const { open } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    expect(await engine.claim(a, [want('router1', 1000, 41)])).toEqual([{ deviceId: 'router1', epoch: 42 }])
    expect(await engine.claim(a, [want('router1', 1001, 7)])).toMatchObject([{ epoch: 43 }])
  })

  it('frees just what it is told to, by epoch, and remembers how the link ended', async () => {
    const { open } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    const b = await engine.join(recordOf('b'))
    await engine.claim(a, [want('router1', 1000), want('router2', 1000)])
    await engine.claim(b, [want('router2', 2000)])
    const ended = { at: 3000, reason: 'lost', message: 'the device closed the connection' }
    await engine.release(a, [
      { deviceId: 'router1', epoch: 1, ended },
      { deviceId: 'router2', epoch: 1, ended },
    ])
    expect(await rowOf(engine, 'router1')).toEqual({ deviceId: 'router1', epoch: 1, provenAt: 1000, ended })
    expect(await rowOf(engine, 'router2')).toMatchObject({ holder: b, epoch: 2 })
    // What nobody has, an older link may have.
    expect(await engine.claim(b, [want('router1', 500)])).toEqual([{ deviceId: 'router1', epoch: 2 }])
    expect(await rowOf(engine, 'router1')).toEqual({ deviceId: 'router1', holder: b, epoch: 2, provenAt: 500 })
  })

  it('lets others have what a node has that was not seen for the lease, and not before', async () => {
    const { open, sql } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    const b = await engine.join(recordOf('b'))
    await engine.claim(a, [want('router1', 2000)])
    await sql(`UPDATE node SET seen_at = now() - interval '5 seconds' WHERE id = 'a'`)
    expect(await engine.claim(b, [want('router1', 1000)])).toEqual([])
    await sql(`UPDATE node SET seen_at = now() - interval '7 seconds' WHERE id = 'a'`)
    expect(await engine.claim(b, [want('router1', 1000)])).toMatchObject([{ epoch: 2, before: a }])
  })

  it('begins each life of a node with a greater incarnation, and releases what the older ones had', async () => {
    const { open } = await makeDatabase()
    const engine = open()
    const first = await engine.join(recordOf('a'))
    await engine.claim(first, [want('router1', 1000), want('router2', 1000)])
    const second = await engine.join(recordOf('a'))
    expect(second.incarnation).toBeGreaterThan(first.incarnation)
    expect(await engine.naming('a')).toEqual([])
    expect(await rowOf(engine, 'router1')).toMatchObject({ epoch: 1, ended: { reason: 'lost' } })
    expect(await engine.beat(first, recordOf('a'))).toMatchObject({ superseded: true })
    expect(await engine.beat(second, recordOf('a'))).toMatchObject({ superseded: false })
  })

  it('gives no incarnation again that the engine has lost', async () => {
    const { open, sql } = await makeDatabase()
    const engine = open()
    const lost = await engine.join(recordOf('a'))
    await sql('DELETE FROM node')
    const [next] = [await engine.join(recordOf('a'))]
    expect(next.incarnation).toBeGreaterThan(lost.incarnation)
  })

  it('is told at each beat who is there, what the time is and which life of the engine answers', async () => {
    const { open, sql } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    await engine.join(recordOf('b'))
    await sql(`UPDATE node SET seen_at = now() - interval '9 seconds' WHERE id = 'b'`)
    const before = Date.now()
    const { nodes, now, superseded, engine: life } = await engine.beat(a, { ...recordOf('a'), state: 'draining' })
    expect(superseded).toBe(false)
    expect(now).toBeGreaterThanOrEqual(before - 1)
    expect(now).toBeLessThanOrEqual(Date.now() + 1)
    expect(nodes.map(({ node, state }) => [node, state])).toEqual([
      ['a', 'draining'],
      ['b', 'up'],
    ])
    expect(nodes[0]?.seenAgo).toBeLessThan(5_000)
    expect(nodes[1]?.seenAgo).toBeGreaterThan(8_900)
    expect(life).toBe((await engine.beat(a, recordOf('a'))).engine)
  })

  it('stands there again where the engine has lost that it began, and goes with its leave', async () => {
    const { open, sql } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    await sql('DELETE FROM node')
    const { nodes } = await engine.beat(a, recordOf('a'))
    expect(nodes.map(({ node, incarnation }) => ({ node, incarnation }))).toEqual([a])
    await engine.leave(a)
    expect(await sql('SELECT count(*) FROM node')).toBe('0')
  })

  it('takes 10,000 claims in twenty statements', async () => {
    const { open, sql } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    const ids = Array.from({ length: 10_000 }, (_, at) => `device-${at}`)
    for (let at = 0; at < ids.length; at += 500) {
      const given = await engine.claim(
        a,
        ids.slice(at, at + 500).map((id) => want(id, 1000)),
      )
      expect(given).toHaveLength(500)
    }
    expect(await sql(`SELECT count(*) FROM link WHERE node = 'a' AND epoch = 1`)).toBe('10000')
    expect(await engine.naming('a')).toHaveLength(10_000)
  })

  it('gives no epoch twice to six nodes that claim the same devices at once, and stands in nobody’s way', async () => {
    const { open } = await makeDatabase()
    const engines = Array.from({ length: 6 }, () => open())
    const lives: NodeLife[] = []
    for (const [at, engine] of engines.entries()) lives.push(await engine.join(recordOf(`node${at}`)))
    const ids = Array.from({ length: 200 }, (_, at) => `device-${at}`)
    let time = 1_000
    const given: { readonly deviceId: string; readonly epoch: number }[] = []
    const claimAll = async (engine: ClusterEngine, life: NodeLife, seed: number): Promise<void> => {
      for (let round = 0; round < 10; round += 1) {
        time += 1
        const now = time
        const shuffled = ids.map((id, at) => ({ id, by: (at * 7919 + seed * 104_729 + round * 31) % 211 }))
        const wants = shuffled.toSorted((one, other) => one.by - other.by).map(({ id }) => want(id, now))
        given.push(...(await engine.claim(life, wants)))
      }
    }
    await Promise.all(
      engines.map((engine, at) => {
        const life = lives[at]
        if (life === undefined) throw new Error('no life')
        return claimAll(engine, life, at)
      }),
    )
    const names = given.map(({ deviceId, epoch }) => `${deviceId} ${epoch}`)
    expect(new Set(names).size).toBe(names.length)
    const [last] = await (engines[0] as ClusterEngine).find(['device-7'])
    expect(last?.provenAt).toBe(time)
    expect(last?.epoch).toBe(given.filter(({ deviceId }) => deviceId === 'device-7').length)
  })

  it('gives no epoch twice either where the devices are new to all of them', async () => {
    const { open } = await makeDatabase()
    const [one, other] = [open(), open()] as const
    const [a, b] = [await one.join(recordOf('a')), await other.join(recordOf('b'))]
    const ids = Array.from({ length: 500 }, (_, at) => `new-${at}`)
    const claims = await Promise.all([
      one.claim(
        a,
        ids.map((id) => want(id, 1000)),
      ),
      other.claim(
        b,
        ids.toReversed().map((id) => want(id, 1001)),
      ),
    ])
    const names = claims.flat().map(({ deviceId, epoch }) => `${deviceId} ${epoch}`)
    expect(new Set(names).size).toBe(names.length)
    expect(await one.naming('b')).toHaveLength(500)
  })

  it('fails by an EngineFailure with a hint when the engine is gone, and goes on when it is back', async () => {
    const { open } = await makeDatabase()
    const engine = open()
    const a = await engine.join(recordOf('a'))
    const { engine: life } = await engine.beat(a, recordOf('a'))
    await server.kill()
    try {
      const failure = await engine.claim(a, [want('router1', 1000)]).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(EngineFailure)
      expect(failure).toMatchObject({ hint: expect.stringMatching(/run/) as string })
    } finally {
      await server.start()
    }
    expect(await engine.claim(a, [want('router1', 1000)])).toHaveLength(1)
    // A standby that was promoted would have begun at another time as well.
    expect((await engine.beat(a, recordOf('a'))).engine).not.toBe(life)
  })
})
