import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { startBridge } from './support/bridge.js'
import { devicePlaces } from './support/device-places.js'
import { freePort } from './parts/free-port.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const others: Server[] = []
afterEach(() => {
  for (const server of others.splice(0)) server.close()
})

/** Somebody else's listener on this machine. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  others.push(server)
  return (server.address() as AddressInfo).port
}

/** A stretch of ports that are free but for the first, below those that the system gives out by itself. */
async function stretchWithTakenPort(length: number): Promise<number> {
  for (let base = 20_000 + Math.floor(Math.random() * 1000) * 10; ; base += length) {
    const servers = Array.from({ length }, (_, at) => createServer().listen(base + at, '127.0.0.1'))
    const bound = await Promise.allSettled(servers.map((server) => once(server, 'listening')))
    const [first, ...rest] = servers
    const free = bound.every(({ status }) => status === 'fulfilled')
    for (const server of free ? rest : servers) if (server.listening) server.close()
    if (!free || first === undefined) continue
    others.push(first)
    return base
  }
}

/** The identification that is sent to whoever dials, or why nobody could. */
async function greeting(port: number, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ host, port })
  try {
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    return bytes.toString().trim()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  } finally {
    socket.destroy()
  }
}

const credentials = { default: { username: 'netconf', password: 'x' } }
const device = (id: string, endpoint?: object) => ({ id, secret: `secret of ${id}`, ...(endpoint && { endpoint }) })
const config = (devices: readonly object[], ssh: object = {}) => ({
  credentials,
  devices,
  users: [opsUser()],
  endpoint: { ssh },
})

describe('ports of devices’ own', () => {
  it('a fixed one that somebody has is told at the start', async () => {
    const port = await takenPort()
    const starting = startBridge(config([device('router1', { port })]))
    await expect(starting).rejects.toThrow(
      `devices: endpoint.port of "router1": cannot listen on 127.0.0.1:${port}: it is in use already`,
    )
  })

  it('a given one that somebody has is told in the log, and the next one is given', async () => {
    const taken = await stretchWithTakenPort(10)
    const range = { 'device-ports': `${taken}-${taken + 9}` }
    // All ten of them are given out but one: nobody can be lucky.
    const ids = Array.from({ length: 9 }, (_, at) => `router${at}`)
    const bridge = own(
      await startBridge(
        config(
          ids.map((id) => device(id)),
          range,
        ),
      ),
    )
    const ports = [...(await devicePlaces(bridge)).values()].map((place) => place?.port ?? 0)
    expect(ports).not.toContain(taken)
    expect(new Set(ports).size).toBe(9)
    for (const port of ports) expect(await greeting(port)).toBe('SSH-2.0-Homeport')
  })

  it('come and go with devices: enrolled, forgotten, in and out of the configuration', async () => {
    const first = await freePort()
    const fixed = await freePort()
    const range = { 'device-ports': `${first}-${first}` }
    const bridge = own(await startBridge(config([], range)))
    expect((await operate(bridge, 'onboard', 'router7', '--bridge', 'bridge.example')).status).toBe(0)
    await bridge.logged(/^device approved/, { deviceId: 'router7' })
    await expect.poll(() => greeting(first), { timeout: 5_000 }).toBe('SSH-2.0-Homeport')

    // The range has one port, and router7 has it.
    await bridge.reload(config([device('router1', { port: fixed }), device('router2')], range))
    expect(await greeting(fixed)).toBe('SSH-2.0-Homeport')
    const told = await bridge.logged(/^endpoint.ssh.device-ports has no port left for 1 device/, {
      reason: 'ports-exhausted',
    })
    expect(told['deviceIds']).toEqual(['router2'])
    expect((await devicePlaces(bridge)).get('router2')).toBeNull()

    expect((await operate(bridge, 'devices', 'forget', 'router7')).status).toBe(0)
    await expect.poll(async () => (await devicePlaces(bridge)).get('router2')).toEqual({ port: first, address: null })
    await bridge.reload(config([device('router1')]))
    expect(await greeting(fixed)).toBe('ECONNREFUSED')
    await expect.poll(() => greeting(first)).toBe('ECONNREFUSED')
  })
})

describe('addresses of devices’ own', () => {
  it('are heard on beside a single address, and nothing else is', async () => {
    const bridge = own(
      await startBridge(
        config([device('router1', { address: '127.9.0.1' })], { address: '127.0.0.1', 'further-ports': [0] }),
      ),
    )
    const [further] = (await bridge.logged(/^ready/))['furtherEndpoints'] as readonly string[]
    for (const port of [bridge.endpointPort, Number(further?.split(':').at(-1))])
      expect(await greeting(port, '127.9.0.1')).toBe('SSH-2.0-Homeport')
    expect(await greeting(bridge.endpointPort, '127.9.0.2')).toBe('ECONNREFUSED')
  })

  it('that are none of this machine are told with what to do: fixed ones at the start, given ones in the log', async () => {
    await expect(startBridge(config([device('router1', { address: '192.0.2.77' })]))).rejects.toThrow(
      /endpoint.address of "router1": cannot listen on 192\.0\.2\.77:\d+: it is no address of this machine[^]*ip route add local/,
    )
    const behindWildcard = own(
      await startBridge(config([device('router1')], { address: '0.0.0.0', 'device-addresses': '192.0.2.0/24' })),
    )
    await behindWildcard.logged(/^devices cannot be reached at their own addresses/)
    const single = own(await startBridge(config([device('a'), device('b')], { 'device-addresses': '192.0.2.0/24' })))
    const told = await single.logged(
      /^not opened: 192\.0\.2\.\d+:\d+ of .* and 1 more: it is no address of this machine/,
    )
    expect(told).toMatchObject({ code: 'EADDRNOTAVAIL', devices: 2 })
  })
})
