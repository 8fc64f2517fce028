import { beforeEach, describe, expect, it } from 'vitest'
import {
  createEndpointAssignments,
  type EndpointAssignments,
  type EndpointProblem,
  type EndpointRanges,
} from '../../src/fleet/endpoints/endpoint-assignments.js'
import type { AddressPrefix } from '../../src/net/ip.js'
import type { Device } from '../../src/fleet/device.js'
import type { EndpointLease } from '../../src/store/endpoint-lease.js'
import type { Store } from '../../src/store/store.js'

const loopback: AddressPrefix = { family: 'ipv4', network: 0x7f010000n, bits: 16 }
const ranges: EndpointRanges = {
  ports: { first: 20_000, last: 20_099 },
  addresses: loopback,
  reservedPorts: [],
  reservedAddresses: [],
}

const device = (id: string, more: Partial<Device> = {}): Device => ({ id, labels: {}, maxSessions: 1, ...more })
const devices = (count: number, prefix = 'r'): Device[] =>
  Array.from({ length: count }, (_, at) => device(`${prefix}${at}`))

/** A store that keeps what it is given, and refuses what no store may hold. */
function storeInMemory(): { readonly store: Pick<Store, 'endpoints'>; readonly held: Map<string, EndpointLease> } {
  const held = new Map<string, EndpointLease>()
  return {
    held,
    store: {
      endpoints: {
        list: async () => [...held.values()],
        change: async ({ release, give }) => {
          for (const id of [...release, ...give.map(({ deviceId }) => deviceId)]) held.delete(id)
          for (const endpoint of give) held.set(endpoint.deviceId, endpoint)
          const ports = [...held.values()].flatMap(({ port }) => port ?? [])
          if (new Set(ports).size !== ports.length) throw new Error('a port is held twice')
          return { ok: true, value: undefined }
        },
      },
    },
  }
}

describe('ports and addresses of devices', () => {
  let room: ReturnType<typeof storeInMemory>
  let problems: EndpointProblem[]
  let changes: number
  const open = (): Promise<EndpointAssignments> =>
    createEndpointAssignments({
      store: room.store,
      changed: () => {
        changes += 1
      },
      onProblem: (problem) => problems.push(problem),
    })

  beforeEach(() => {
    room = storeInMemory()
    problems = []
    changes = 0
  })

  it('are given to every device, none twice, none outside the range', async () => {
    const endpoints = await open()
    endpoints.configure(devices(100), ranges)
    const all = endpoints.all()
    expect(new Set(all.map(({ port }) => port)).size).toBe(100)
    expect(new Set(all.map(({ address }) => address)).size).toBe(100)
    expect(all.every(({ port = 0 }) => port >= 20_000 && port <= 20_099)).toBe(true)
    expect(all.every(({ address = '' }) => /^127\.1\.\d+\.\d+$/.test(address))).toBe(true)
    expect(all.map(({ address }) => address)).not.toContain('127.1.0.0')
    expect(problems).toEqual([])
    const one = all[42]
    expect(endpoints.atAddress(one?.address ?? '')).toBe(one?.deviceId)
    expect(endpoints.of(one?.deviceId ?? '')).toEqual({ port: one?.port, address: one?.address })
  })

  it('are the same after a restart, whatever the order of the devices', async () => {
    const before = await open()
    before.configure(devices(100), ranges)
    await Promise.resolve()
    const after = await open()
    after.configure(devices(100).toReversed(), ranges)
    for (const { id } of devices(100)) expect(after.of(id)).toEqual(before.of(id))
  })

  it('tend to be the same when the store was lost', async () => {
    const before = await open()
    before.configure(devices(20), ranges)
    room = storeInMemory()
    const after = await open()
    after.configure(devices(20), ranges)
    expect(devices(20).map(({ id }) => after.of(id))).toEqual(devices(20).map(({ id }) => before.of(id)))
  })

  it('stay while a device is gone for a time, and are taken when nothing else is left', async () => {
    const endpoints = await open()
    const three = { ...ranges, ports: { first: 20_000, last: 20_002 } }
    endpoints.configure(devices(3), three)
    const kept = endpoints.of('r0')?.port
    endpoints.configure(devices(3).slice(1), three)
    expect(endpoints.of('r0')).toBeUndefined()
    endpoints.configure(devices(3), three)
    expect(endpoints.of('r0')?.port).toBe(kept)
    endpoints.configure([...devices(3).slice(1), device('new')], three)
    expect(endpoints.of('new')?.port).toBe(kept)
    expect(problems).toEqual([])
  })

  it('are free again once a device was forgotten', async () => {
    const endpoints = await open()
    endpoints.configure(devices(2), ranges)
    endpoints.release('r0')
    endpoints.configure(devices(2).slice(1), ranges)
    await new Promise(setImmediate)
    expect([...room.held.keys()]).toEqual(['r1'])
  })

  it('that run out are told, with who has none; the others keep theirs', async () => {
    const endpoints = await open()
    endpoints.configure(devices(3), { ...ranges, ports: { first: 20_000, last: 20_001 } })
    expect(problems).toMatchObject([{ reason: 'ports-exhausted', deviceIds: ['r2'] }])
    expect(problems[0]?.message).toBe('endpoint.ssh.device-ports has no port left for 1 device')
    expect(endpoints.of('r0')?.port).toBeDefined()
    expect(endpoints.of('r2')).toEqual({ address: expect.any(String) as string })
    endpoints.add(device('late'))
    expect(problems[1]).toMatchObject({ reason: 'ports-exhausted', deviceIds: ['late'] })
  })

  it('that the configuration fixes are nobody else’s; who was given one of them gets another', async () => {
    const endpoints = await open()
    endpoints.configure(devices(1), ranges)
    const { port = 0, address = '' } = endpoints.of('r0') ?? {}
    endpoints.configure([...devices(1), device('fixed', { endpoint: { port, address } })], ranges)
    expect(endpoints.of('fixed')).toEqual({ port, address })
    expect(endpoints.of('r0')?.port).not.toBe(port)
    expect(endpoints.of('r0')?.address).not.toBe(address)
    expect(problems.map(({ reason, deviceIds }) => [reason, deviceIds])).toEqual([
      ['port-moved', ['r0']],
      ['address-moved', ['r0']],
    ])
  })

  it('are none that the bridge or the machine needs itself', async () => {
    const endpoints = await open()
    const four: AddressPrefix = { family: 'ipv4', network: 0x7f000000n, bits: 29 }
    endpoints.configure(devices(6), { addresses: four, reservedPorts: [], reservedAddresses: ['127.0.0.1'] })
    const addresses = endpoints.all().map(({ address }) => address)
    expect(new Set(addresses)).toEqual(new Set(['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6']))
    expect(problems).toMatchObject([{ reason: 'addresses-exhausted' }])
  })

  it('of IPv6 are written as sockets tell them', async () => {
    const endpoints = await open()
    const prefix: AddressPrefix = { family: 'ipv6', network: 0x20010db8000100000000000000000000n, bits: 64 }
    endpoints.configure(devices(50), { addresses: prefix, reservedPorts: [], reservedAddresses: [] })
    for (const { address = '' } of endpoints.all()) expect(address).toMatch(/^2001:db8:1:0?:[0-9a-f:]+$/)
    expect(endpoints.all()).toHaveLength(50)
  })

  it('outside a new range are given anew; without a range they are kept but not used', async () => {
    const endpoints = await open()
    endpoints.configure(devices(1), ranges)
    const before = endpoints.of('r0')
    endpoints.configure(devices(1), { reservedPorts: [], reservedAddresses: [] })
    expect(endpoints.of('r0')).toBeUndefined()
    endpoints.configure(devices(1), ranges)
    expect(endpoints.of('r0')).toEqual(before)
    endpoints.configure(devices(1), { ...ranges, ports: { first: 30_000, last: 30_009 } })
    expect(endpoints.of('r0')?.port).toBeGreaterThanOrEqual(30_000)
    expect(endpoints.of('r0')?.address).toBe(before?.address)
  })

  it('a port that somebody else on the machine has is replaced, and not tried again', async () => {
    const endpoints = await open()
    endpoints.configure(devices(1), { ...ranges, ports: { first: 20_000, last: 20_001 } })
    const { port = 0 } = endpoints.of('r0') ?? {}
    const before = changes
    endpoints.replacePort('r0', port)
    expect(endpoints.of('r0')?.port).toBe(port === 20_000 ? 20_001 : 20_000)
    expect(changes).toBe(before + 1)
    endpoints.replacePort('r0', endpoints.of('r0')?.port ?? 0)
    expect(endpoints.of('r0')?.port).toBeUndefined()
    expect(problems.at(-1)).toMatchObject({ reason: 'ports-exhausted' })
  })

  it('thousands are given in the time of a blink', async () => {
    const endpoints = await open()
    endpoints.configure(devices(5_000), { ...ranges, ports: { first: 20_000, last: 24_999 } })
    expect(new Set(endpoints.all().map(({ port }) => port)).size).toBe(5_000)
  })
})

describe('names of devices', () => {
  it('are ids, aliases and host names, in any case, of one device each', async () => {
    const endpoints = await createEndpointAssignments({
      store: storeInMemory().store,
      changed: () => undefined,
      onProblem: () => undefined,
    })
    endpoints.configure(
      [
        device('Router1', { aliases: ['core.example.net'] }),
        device('rack 7'),
        device('rack/8'),
        device('rack 8'),
        device('rack-7x', { aliases: ['router1'] }),
        device('0123'),
      ],
      { reservedPorts: [], reservedAddresses: [] },
    )
    expect(endpoints.named('router1')).toBe('Router1')
    expect(endpoints.named('CORE.example.net')).toBe('Router1')
    expect(endpoints.named('rack-7')).toBe('rack 7')
    expect(endpoints.named('rack-8')).toBeUndefined()
    expect(endpoints.named('0123')).toBe('0123')
    expect(endpoints.named('device-0123')).toBe('0123')
    expect(endpoints.named('elsewhere')).toBeUndefined()
    expect(endpoints.namesOf('Router1')).toEqual(['router1', 'core.example.net'])
    expect(endpoints.namesOf('rack 7')).toEqual(['rack 7', 'rack-7'])
    expect(endpoints.namesOf('rack/8')).toEqual(['rack/8'])
    expect(endpoints.namesOf('elsewhere')).toEqual([])
  })
})
