import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevice, startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { curl as curlFor } from './support/curl.js'
import { type EventStream, listenByCurl } from './support/event-stream.js'
import { curl, socketOf } from './support/http-api.js'
import { endAfterEach } from './support/resources.js'
import { createTicker, listenByEventSource, tickIn, upTo } from './support/ticking-device.js'
import { ops, opsUser } from './support/users.js'
import { freePort } from './parts/free-port.js'
import { isSigned, startWebhookReceiver } from './support/webhook-receiver.js'

const own = endAfterEach()
const ids = ['sim-1', 'sim-2', 'sim-3', 'sim-4', 'quiet']
const config: ConfigFile = {
  credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
  devices: ids.map((id) => ({ id, secret: `secret of ${id}`, labels: { site: id === 'quiet' ? 'osaka' : 'tokyo' } })),
  users: [opsUser(), opsUser({ name: 'osaka', roles: ['osaka'] })],
  roles: {
    operator: { devices: ['*'], operations: ['*'] },
    osaka: { devices: ['site=osaka'], operations: ['get'] },
  },
  endpoint: { http: { 'max-streams': 3 } },
  link: { 'reconnect-wait': '1s' },
}

let bridge: RunningBridge
beforeAll(async () => {
  bridge = await startBridge(config)
})
afterAll(() => bridge?.stop())

const hostKeys = new Map<string, string>()
/** The same for a device each time that it dials, since the bridge remembers it. */
function hostKeyOf(id: string): string {
  const key = hostKeys.get(id) ?? generatePrivateKey('ed25519', '')
  hostKeys.set(id, key)
  return key
}

function dial(id: string, more: Partial<Parameters<typeof startSimulatedDevice>[0]> = {}): SimulatedDevice {
  return own(
    startSimulatedDevice({
      id,
      bridge: { host: bridge.host, port: bridge.callHomePort },
      ...(id === 'stranger' ? {} : { secret: `secret of ${id}` }),
      username: deviceLogin.user,
      password: deviceLogin.password,
      hostKey: hostKeyOf(id),
      redialDelay: 200,
      eventLogSize: 1_000,
      ...more,
    }),
  )
}

async function attach(id: string, more: Parameters<typeof dial>[1] = {}): Promise<SimulatedDevice> {
  const from = bridge.lines.all.length
  const device = dial(id, more)
  await bridge.logged(/^link attached/, { deviceId: id }, { from })
  return device
}

/** As the operator, through the socket. */
const listen = (path: string, ...words: readonly string[]): EventStream =>
  own(listenByCurl(...words, '--unix-socket', socketOf(bridge), `http://localhost${path}`))
const devicePath = (id: string): string => `/api/v1/devices/${id}/notifications`
const about = (deviceId: string, event: string) => (one: { readonly event: string; readonly data: string }) =>
  one.event === event && (JSON.parse(one.data) as { deviceId: string }).deviceId === deviceId

/** What became of numbers that a device told of. */
const ticksOf = (stream: EventStream): readonly number[] => stream.events.flatMap(({ data }) => tickIn(data) ?? [])

describe('/api/v1/events', () => {
  it('tells of devices that attach, detach, are refused, wait, and are decided on', async () => {
    const stream = listen('/api/v1/events')
    await waitFor('the stream', async () => (await streamsOpen()) === 1)
    const device = await attach('sim-1')
    await stream.until(about('sim-1', 'attached'))
    await device.stop()
    const detached = await stream.until(about('sim-1', 'detached'))
    expect(JSON.parse(detached.data)).toMatchObject({
      at: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      details: { source: expect.stringMatching(/^127\.0\.0\.1:/) as unknown, reason: expect.any(String) as unknown },
    })
    dial('sim-2', { secret: 'another' })
    const refused = await stream.until(about('sim-2', 'refused'))
    expect(JSON.parse(refused.data)).toMatchObject({ details: { reason: expect.stringMatching(/hmac/) as unknown } })
    dial('stranger')
    const pending = await stream.until(about('stranger', 'pending'))
    const { details } = JSON.parse(pending.data) as { readonly details: { readonly hostKeyFingerprint: string } }
    await curl(bridge, '/api/v1/devices/stranger/approve', { body: { fingerprint: details.hostKeyFingerprint } })
    await stream.until(about('stranger', 'decided'))
    await stream.until(about('stranger', 'attached'))
    expect(stream.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['attached', 'detached', 'refused', 'pending', 'decided']),
    )
    expect(JSON.stringify(stream.events)).not.toContain('secret of')
  })

  it('goes on behind the Last-Event-ID, and says where that is not possible', async () => {
    const all = listen('/api/v1/events', '-H', 'Last-Event-ID: none')
    await all.until(about('stranger', 'attached'))
    const [gap, first, ...rest] = all.events
    expect(gap).toEqual({ event: 'gap', data: '{}' })
    expect(first?.id).toMatch(/^[0-9a-f]{8}-1$/)
    const again = listen('/api/v1/events', '-H', `Last-Event-ID: ${first?.id}`)
    await again.until(about('stranger', 'attached'))
    expect(again.events.slice(0, rest.length)).toEqual(rest)
    expect(again.events[0]?.id).toBe(`${first?.id?.split('-')[0]}-2`)
  })

  it('shows a user the devices of the roles, a type and a device where it is asked', async () => {
    const login = ['-u', `osaka:${ops.password}`, '-H', 'Last-Event-ID: none']
    const stream = own(listenByCurl(...login, `${bridge.httpUrl}/api/v1/events`))
    const attached = listen('/api/v1/events?types=attached&device=quiet')
    await waitFor('the streams', async () => (await streamsOpen()) === 2)
    await attach('quiet')
    await attached.until(about('quiet', 'attached'))
    await stream.until(about('quiet', 'attached'))
    expect(stream.events.filter(({ event }) => event !== 'gap').map(({ data }) => JSON.parse(data) as object)).toEqual(
      stream.events.filter(about('quiet', 'attached')).map(({ data }) => JSON.parse(data) as object),
    )
    expect(attached.events).toHaveLength(1)
    const wrong = await curl(bridge, '/api/v1/events?types=attached,born', { method: 'GET' })
    expect(wrong.status).toBe(422)
  })

  it('has only so many streams open', async () => {
    for (let open = 0; open < 3; open += 1) listen('/api/v1/events')
    await waitFor('three streams', async () => (await streamsOpen()) === 3)
    const refused = await curl(bridge, '/api/v1/events', { method: 'GET' })
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '5' } })
    expect(refused.body).toContain('max-streams')
  })
})

/** How many streams the bridge has open. */
async function streamsOpen(): Promise<number> {
  const { body } = await curl(bridge, '/metrics', { method: 'GET' })
  return Number(/^homeport_event_streams (\d+)$/m.exec(body)?.[1])
}

describe('notifications of a device', () => {
  it('come as they are, through redials, none lost and none doubled', async () => {
    const device = await attach('sim-3')
    const ticker = createTicker(device)
    const stream = listen(devicePath('sim-3'))
    await stream.until(({ event }) => event === 'subscribed')
    // Before anything was heard, so that there is nothing but the time to go on behind.
    device.disconnect()
    ticker.tick()
    await stream.until(({ data }) => tickIn(data) === 1)
    for (let redial = 0; redial < 3; redial += 1) {
      for (let more = 0; more < 20; more += 1) ticker.tick()
      device.disconnect()
      for (let more = 0; more < 20; more += 1) ticker.tick()
      const last = ticker.count
      await stream.until(({ data }) => tickIn(data) === last)
    }
    expect(ticksOf(stream)).toEqual(upTo(121))
    expect(stream.events.find(({ event }) => event === 'notification')?.data).toMatch(
      /^<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1\.0"><eventTime>/,
    )
    expect(stream.events.map(({ event }) => event).filter((event) => event === 'interrupted')).toHaveLength(4)
  })

  it('go on behind the Last-Event-ID, and start where it is asked', async () => {
    const device = await attach('sim-4')
    const ticker = createTicker(device)
    const began = new Date().toISOString()
    for (let more = 0; more < 10; more += 1) ticker.tick()
    const replayed = listen(`${devicePath('sim-4')}?start=${began}`)
    await replayed.until(({ data }) => tickIn(data) === 10)
    expect(ticksOf(replayed)).toEqual(upTo(10))
    const fourth = replayed.events.find(({ data }) => tickIn(data) === 4)
    const again = listen(devicePath('sim-4'), '-H', `Last-Event-ID: ${fourth?.id}`)
    await again.until(({ data }) => tickIn(data) === 10)
    expect(ticksOf(again)).toEqual([5, 6, 7, 8, 9, 10])
    const filter = encodeURIComponent('<tick xmlns="urn:homeport:tick"><n>2</n></tick>')
    const filtered = listen(`${devicePath('sim-4')}?start=${began}&filter=${filter}&format=json`)
    const only = await filtered.until(({ event }) => event === 'notification')
    expect(JSON.parse(only.data)).toMatchObject({ notification: { tick: { n: '2' } } })
  })

  it('reach an EventSource whose own connection breaks while the device is away', async () => {
    const device = await attach('sim-1', { redialDelay: 3_000 })
    const ticker = createTicker(device)
    const listening = own(await listenByEventSource(bridge, 'sim-1'))
    await waitFor('the subscription', () => listening.told.includes('subscribed'), 20_000)
    for (let more = 0; more < 10; more += 1) ticker.tick()
    await waitFor('the first', () => listening.ticks.length === 10, 20_000)
    const from = bridge.lines.all.length
    device.disconnect()
    await bridge.logged(/link/, { deviceId: 'sim-1' }, { from })
    listening.cut()
    for (let more = 0; more < 10; more += 1) ticker.tick()
    await waitFor('the rest', () => listening.ticks.length >= 20, 30_000)
    expect(listening.ticks).toEqual(upTo(20))
    expect(listening.isOver()).toBe(false)
  })

  it('that cannot be had have a status of their own', async () => {
    const get = async (path: string): Promise<string> => {
      const { status, body } = await curl(bridge, path, { method: 'GET' })
      return `${status} ${(JSON.parse(body) as { type: string }).type.split(':').at(-1)}`
    }
    expect(await get(devicePath('sim-4'))).toBe('503 not-connected')
    expect(await get(devicePath('nobody'))).toBe('404 unknown-device')
    expect(await get(`${devicePath('sim-4')}?start=yesterday`)).toBe('422 invalid-request')
    expect(await get(`${devicePath('sim-4')}?filter=%3Ca`)).toBe('422 invalid-request')
    await attach('quiet')
    expect(await get(`${devicePath('quiet')}?stream=NONE`)).toMatch(/ rpc-error$/)
    const forbidden = await curlFor('-u', `osaka:${ops.password}`, `${bridge.httpUrl}${devicePath('quiet')}`)
    expect(forbidden.status).toBe(403)
    // Each of these has given its place back.
    expect(await streamsOpen()).toBe(0)
  })

  it('end when the device is forgotten, and the bridge goes on', async () => {
    await attach('stranger')
    const stream = listen(devicePath('stranger'))
    await stream.until(({ event }) => event === 'subscribed')
    expect((await curl(bridge, '/api/v1/devices/stranger', { method: 'DELETE' })).status).toBe(204)
    await stream.until(({ event }) => event === 'refused')
    await stream.ended
    expect((await curl(bridge, '/healthz', { method: 'GET' })).status).toBe(200)
  })
})

describe('webhooks', () => {
  it('outlast a receiver that is down or fails, in order and signed; a reload changes them', async () => {
    const [down, failing] = [await freePort(), await freePort()]
    const secret = 'of-the-webhook'
    const webhooks = [
      { url: `http://127.0.0.1:${down}/events?token=x`, secret, devices: ['sim-2'] },
      { url: `http://127.0.0.1:${failing}/`, secret, events: ['attached'], devices: ['site=tokyo'] },
    ]
    const failingReceiver = own(await startWebhookReceiver(failing, [500, 500]))
    await bridge.reload(JSON.stringify({ ...(await configNow()), webhooks }))
    const from = bridge.lines.all.length
    const first = await attach('sim-2')
    const undelivered = await bridge.logged(/^webhook not delivered/, { receiver: `127.0.0.1:${down}` }, { from })
    expect(JSON.stringify(undelivered)).not.toContain('token')
    await first.stop()
    const second = await attach('sim-2')
    const receiver = own(await startWebhookReceiver(down))
    await receiver.untilTaken('attached', 'sim-2')
    await waitFor('all of them', () => receiver.taken().length === 3, 20_000)
    expect(receiver.taken().map(({ type }) => type)).toEqual(['attached', 'detached', 'attached'])
    for (const delivery of receiver.deliveries) {
      expect(isSigned(delivery, secret)).toBe(true)
      expect(isSigned(delivery, 'another')).toBe(false)
      expect(delivery.headers).toMatchObject({
        'content-type': 'application/json',
        'homeport-delivery': (JSON.parse(delivery.body) as { id: string }).id,
      })
    }
    await waitFor('the one that failed', () => failingReceiver.taken().length === 2, 30_000)
    expect(failingReceiver.deliveries.map(({ status }) => status)).toEqual([500, 500, 204, 204])
    expect(
      new Set(failingReceiver.deliveries.slice(0, 3).map(({ headers }) => headers['homeport-delivery'])).size,
    ).toBe(1)

    await bridge.reload(
      JSON.stringify({ ...(await configNow()), webhooks: [{ url: `http://127.0.0.1:${down}/new`, secret: 'new' }] }),
    )
    await second.stop()
    await receiver.untilTaken('detached', 'sim-2')
    await waitFor('it at its new path', () => receiver.deliveries.at(-1)?.path === '/new', 20_000)
    const last = receiver.deliveries.at(-1)
    expect(last !== undefined && isSigned(last, 'new')).toBe(true)
    expect(failingReceiver.deliveries).toHaveLength(4)
    expect(bridge.lines.all.join('\n')).not.toContain(secret)
  })

  /** As the bridge has it, with its ports. */
  async function configNow(): Promise<object> {
    return JSON.parse(await readFile(join(bridge.directory, 'homeport.yaml'), 'utf8')) as object
  }
})
