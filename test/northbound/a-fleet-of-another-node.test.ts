import { once } from 'node:events'
import type { Client, ClientChannel } from 'ssh2'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createLiveRights } from '../../src/access/authz/live-rights.js'
import { createFleetEventLog } from '../../src/fleet/event-log.js'
import type { Fleet } from '../../src/fleet/fleet.js'
import type { LocalFleet } from '../../src/fleet/local-fleet.js'
import type { Api } from '../../src/northbound/http/api.js'
import { createApp } from '../../src/northbound/http/app.js'
import { directoryOf } from '../../src/northbound/device-directory.js'
import { operatorCaller } from '../../src/northbound/http/middleware/caller.js'
import { unrestricted } from '../../src/northbound/ssh/login-restriction.js'
import type { SessionContext } from '../../src/northbound/ssh/session.js'
import { createRpcService } from '../../src/rpc/rpc-service.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { fleetElsewhere, later } from '../fleet/support/fleet-elsewhere.js'
import { makeLink } from '../fleet/support/hand-made-link.js'
import { nextEvent } from '../fleet/support/next-event.js'
import { makeFleet, router } from '../fleet/support/test-fleet.js'
import { callLimits, fleetInMemory } from './http/fleet-in-memory.js'
import { recordedLog } from './http/recorded-log.js'
import { type DeviceInMemory, deviceInMemory } from './http/rpc/support/device-in-memory.js'
import { connectedTo } from './ssh/support/served-sessions.js'

const own = endAfterEach()

let device: DeviceInMemory
let node: LocalFleet
/** The same as a node sees it that is 20 ms away. */
let fleet: Fleet

beforeEach(() => {
  device = own(deviceInMemory())
  ;({ fleet: node } = makeFleet([router('router1', 1), router('router2', 1)], { sessionWait: 10_000 }))
  own({ stop: () => node.close() })
  fleet = fleetElsewhere(node, later(20))
})

/** A link to the device in memory. */
function attach(source = '192.0.2.1:1000'): void {
  node.attach(
    makeLink({
      source,
      answer: async (request) => {
        const client = { user: 'bridge', source, via: 'http' } as const
        const opening = await device.fleet.openSession({ deviceId: 'router1', request, client })
        if (!opening.ok) return { ok: false, cause: 'no-more-sessions', message: opening.refusal.message }
        return { ok: true, channel: opening.channel }
      },
    }),
  )
}

describe('the HTTP API on a fleet whose answers and events come from another node', () => {
  let api: Api

  beforeEach(() => {
    const { log } = recordedLog()
    const rpc = createRpcService({
      fleet,
      limits: () => callLimits,
      audit: { refusal: () => undefined, rpc: () => undefined },
      denied: () => undefined,
    })
    own({ stop: () => rpc.close() })
    const events = createFleetEventLog(fleet, 10)
    own({ stop: () => events.close() })
    const inMemory = fleetInMemory({})
    const caller = operatorCaller(directoryOf(fleet, inMemory.enrolments))
    const identify = () => ({ ok: true as const, caller })
    api = createApp({ ...inMemory, fleet, rpc, events, log, identify })
  })
  const rpc = (body = '<get/>'): Response | Promise<Response> =>
    api.request('/api/v1/devices/router1/rpc', {
      method: 'POST',
      headers: { 'content-type': 'application/xml' },
      body,
    })

  it('answers calls, and shows the session that carries them', async () => {
    attach()
    const answer = rpc()
    const asked = await device.next()
    const listed = await api.request('/api/v1/sessions')
    expect(await listed.json()).toMatchObject({ sessions: [{ device: 'router1', via: 'http' }] })
    asked.answer('<data/>')
    expect((await answer).status).toBe(200)
    const shown = await api.request('/api/v1/devices/router1')
    expect(await shown.json()).toMatchObject({ id: 'router1', link: { source: '192.0.2.1:1000', sessions: 1 } })
  })

  it('ends a session by its id, and the call on it hears by whom', async () => {
    attach()
    // A read would be asked anew on another session.
    const answer = rpc('<commit/>')
    await device.next()
    const [session] = await fleet.sessions()
    expect((await api.request(`/api/v1/sessions/${session?.id}`, { method: 'DELETE' })).status).toBe(204)
    const answered = await answer
    expect(answered.status).toBe(502)
    expect(await answered.text()).toContain('it was ended by operator')
    expect((await api.request(`/api/v1/sessions/${session?.id}`, { method: 'DELETE' })).status).toBe(404)
  })

  it('gives back a session that it keeps for later calls when another client wants one', async () => {
    attach()
    const answer = rpc()
    ;(await device.next()).answer('<data/>')
    expect((await answer).status).toBe(200)
    const [kept] = await fleet.sessions()
    const client = { user: 'ops', source: '192.0.2.9:1', via: 'ssh' } as const
    const opening = await fleet.openSession({
      deviceId: 'router1',
      request: { kind: 'subsystem', name: 'netconf' },
      client,
    })
    expect(opening.ok).toBe(true)
    expect((await fleet.sessions()).map(({ id, client: { via } }) => [id === kept?.id, via])).toEqual([[false, 'ssh']])
  })

  it('tells a client what happens, and what it missed when it comes again', async () => {
    const stream = await api.request('/api/v1/events')
    attach()
    const told: string[] = []
    for await (const part of stream.body ?? []) {
      told.push(Buffer.from(part as Uint8Array).toString())
      if (told.join('').includes('event: attached')) break
    }
    const [, id = ''] = /^id: (.*)$/m.exec(told.join('')) ?? []
    const detached = nextEvent(fleet, 'detached')
    expect((await api.request('/api/v1/devices/router1/disconnect', { method: 'POST' })).status).toBe(204)
    await detached
    const again = await api.request('/api/v1/events', { headers: { 'last-event-id': id } })
    for await (const part of again.body ?? []) {
      told.push(Buffer.from(part as Uint8Array).toString())
      if (told.join('').includes('event: detached')) break
    }
    expect(told.join('')).toContain('disconnected by operator')
  })
})

describe('a client over SSH on a fleet whose answers and events come from another node', () => {
  /** A client that has logged in, for a device. */
  async function logIn(deviceId = 'router1'): Promise<Client> {
    const context = {
      fleet,
      deviceId,
      client: { user: 'ops', source: '192.0.2.1:1', via: 'ssh' },
      restriction: unrestricted,
      keyExchange: () => undefined,
      method: 'password',
      auditLog: {
        refusal: () => undefined,
        session: () => ({
          ok: true,
          audit: { fromClient: () => undefined, fromDevice: () => undefined, end: () => undefined },
        }),
        refused: () => undefined,
      },
      authorise: async () => ({
        allowed: true,
        permission: { roles: [], channels: new Set(['netconf']), operations: { kind: 'all' } },
      }),
      ended: () => undefined,
      until: undefined,
      live: createLiveRights((error) => {
        throw error
      }),
      rules: {},
      refusalLines: () => undefined,
      log: recordedLog().log,
      metrics: { sessionRefused: () => undefined },
      tracer: () => undefined,
    } as unknown as SessionContext
    const { client, stop } = await connectedTo(context)
    own({ stop })
    return client
  }
  const askForSession = (client: Client): Promise<ClientChannel> =>
    new Promise((resolve, reject) =>
      client.subsys('netconf', (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
    )
  const textOf = async (stream: NodeJS.ReadableStream): Promise<string> => {
    const parts: Buffer[] = []
    for await (const part of stream) parts.push(part as Buffer)
    return Buffer.concat(parts).toString()
  }

  it('gets the hello of the device, and its session is listed', async () => {
    attach()
    const channel = await askForSession(await logIn())
    const [hello] = (await once(channel, 'data')) as [Buffer]
    expect(hello.toString()).toContain('<hello')
    expect(await fleet.sessions()).toMatchObject([{ deviceId: 'router1', client: { user: 'ops', via: 'ssh' } }])
  })

  it('is told by whom its session was killed', async () => {
    attach()
    const channel = await askForSession(await logIn())
    channel.resume()
    const told = textOf(channel.stderr)
    const [session] = await fleet.sessions()
    expect(await fleet.endSession(session?.id ?? '', 'alice')).toBe(true)
    expect(await told).toBe('homeport: session killed by alice\n')
  })

  it('is told why it gets none', async () => {
    const channel = await askForSession(await logIn('router2'))
    channel.resume()
    expect(await textOf(channel.stderr)).toMatch(/^homeport: device "router2" is not connected: .*; try again/)
  })

  it('that leaves while it waits takes no session', async () => {
    attach()
    await askForSession(await logIn())
    const leaving = await logIn()
    const wanted = nextEvent(fleet, 'session-wanted')
    const asked = askForSession(leaving).catch((error: Error) => error.message)
    await wanted
    await vi.waitFor(async () => expect((await fleet.counts()).waitingSessions).toBe(1))
    leaving.end()
    await vi.waitFor(async () => expect((await fleet.counts()).waitingSessions).toBe(0))
    expect(await asked).toEqual(expect.any(String))
    expect((await fleet.sessions()).length).toBe(1)
  })
})
