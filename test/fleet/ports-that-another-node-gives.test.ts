import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createEndpointAssignments,
  type EndpointAssignments,
  type EndpointProblem,
  type EndpointRanges,
} from '../../src/fleet/endpoints/endpoint-assignments.js'
import type { Device } from '../../src/fleet/device.js'
import { type PostgresServer, startPostgresServer } from '../e2e/parts/postgres-server.js'
import { makePostgresRoom, type PostgresRoom } from '../store/postgres-room.js'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgresServer()
}, 60_000)
afterAll(() => server?.remove())

let room: PostgresRoom
let problems: EndpointProblem[]
beforeEach(async () => {
  room = await makePostgresRoom(server)
  problems = []
})
afterEach(() => room.remove())

const device = (id: string): Device => ({ id, labels: {}, maxSessions: 1 })
const ports = (first: number, last: number): EndpointRanges => ({
  ports: { first, last },
  reservedPorts: [],
  reservedAddresses: [],
})

/** A node, as far as it gives ports, with a store of its own on the same database. */
async function node(devices: readonly Device[], range: EndpointRanges): Promise<EndpointAssignments> {
  const store = await room.open()
  const endpoints = await createEndpointAssignments({
    store,
    changed: () => undefined,
    onProblem: (problem) => problems.push(problem),
  })
  endpoints.configure(devices, range)
  return endpoints
}

const stored = (): Promise<string> => room.sql('SELECT device_id, port FROM given_endpoint ORDER BY device_id')

describe('ports of devices in a cluster', () => {
  it('are those that another node has given, once it says so', async () => {
    const a = await node([], ports(20_000, 20_099))
    const b = await node([], ports(20_000, 20_099))
    a.add(device('r1'))
    await expect.poll(stored).toContain('r1|')
    await b.follow()
    // It is no device of this one yet; then it has what it has there.
    expect(b.of('r1')).toBeUndefined()
    b.add(device('r1'))
    expect(b.of('r1')).toEqual(a.of('r1'))
    a.replacePort('r1', a.of('r1')?.port ?? 0)
    const next = a.of('r1')
    expect(next).not.toEqual(b.of('r1'))
    await expect.poll(stored).toContain(`r1|${next?.port}`)
    await b.follow()
    expect(b.of('r1')).toEqual(next)
    expect(problems.map(({ reason }) => reason)).toEqual(['port-moved'])
  })

  it('that two nodes give to two devices in the same moment are given once, and another one to the second', async () => {
    // Of two ports, both nodes give them in their own order.
    const devices = ['r1', 'r2'].map(device)
    const a = await node([], ports(20_000, 20_001))
    const b = await node([], ports(20_000, 20_001))
    const [first, second] = devices as [Device, Device]
    a.add(first)
    b.add(second)
    for (const [one, other] of [
      [a, second],
      [b, first],
    ] as const) {
      await expect.poll(stored).toMatch(/r1\|\d+\nr2\|\d+/)
      await one.follow()
      one.add(other)
    }
    await expect
      .poll(() => [a, b].map((one) => [one.of('r1')?.port ?? 0, one.of('r2')?.port ?? 0].toSorted((x, y) => x - y)))
      .toEqual([
        [20_000, 20_001],
        [20_000, 20_001],
      ])
    await expect
      .poll(async () => {
        await a.follow()
        await b.follow()
        const lines = (await stored()).split('\n')
        return lines.every((line) => {
          const [id = '', port] = line.split('|')
          return a.of(id)?.port === Number(port) && b.of(id)?.port === Number(port)
        })
      })
      .toBe(true)
  })

  it('stay where nodes have different ranges: none changes what the other has given', async () => {
    const a = await node([device('r1')], ports(20_000, 20_009))
    await expect.poll(stored).toContain('r1|200')
    const given = a.of('r1')
    const b = await node([], ports(30_000, 30_009))
    b.add(device('r2'))
    await expect.poll(stored).toContain('r2|300')
    await b.follow()
    await a.follow()
    a.add(device('r2'))
    expect(a.of('r1')).toEqual(given)
    await expect.poll(stored).toMatch(/^r1\|200\d\d\nr2\|/)
  })
})
