import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openClientSession } from '../../src/netconf/client-session.js'
import { operation } from '../../src/netconf/rpc.js'
import { type SimulatedDevices, startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

/** Another address than the devices', on the loopback network. */
const hostileAddress = '127.0.0.66'

const idsOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`)

async function bridgeFor(ids: readonly string[], callHome: ConfigFile): Promise<RunningBridge> {
  return own(
    await startBridge({
      log: { level: 'info', format: 'json' },
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: ids.map((id) => ({ id, secret: `secret of ${id}` })),
      users: [opsUser()],
      'call-home': callHome,
    }),
  )
}

function startDevices(bridge: RunningBridge, idPrefix: string, count: number): SimulatedDevices {
  return own(
    startSimulatedDevices({
      count,
      idPrefix,
      to: { host: bridge.host, port: bridge.callHomePort },
      secret: 'secret of {id}',
      username: deviceLogin.user,
      password: deviceLogin.password,
      retryDelay: 500,
    }),
  )
}

/** Connections from somewhere else that send this, and then nothing more. */
async function stall(bridge: RunningBridge, count: number, sent = ''): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ host: bridge.host, port: bridge.callHomePort, localAddress: hostileAddress })
    socket.on('error', () => undefined)
    own({ stop: () => void socket.destroy() })
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (const socket of sockets) socket.resume().write(sent)
  return sockets
}

/** Asks for the metrics until they are as wanted. */
async function untilMetrics(
  bridge: RunningBridge,
  wanted: (metrics: ReadonlyMap<string, number>) => boolean,
): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const metrics = await metricsOf(bridge)
    if (wanted(metrics)) return metrics
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('devices that dial in again all at once', () => {
  it('are all attached, a few at a time, and nobody else’s session is lost', async () => {
    const count = 100
    const bridge = await bridgeFor(['live-1', ...idsOf('sim-', count)], { 'max-concurrent-handshakes': 2 })
    startDevices(bridge, 'live-', 1)
    const devices = startDevices(bridge, 'sim-', count)
    await untilMetrics(bridge, (metrics) => metrics.get('homeport_links') === count + 1)
    const client = own(await login(bridge, 'live-1'))
    const session = await openClientSession(await openNetconf(client))
    await bridge.logged(/^session opened/, { deviceId: 'live-1' })

    const from = bridge.lines.all.length
    for (const device of devices.devices) device.redial()
    const most = { running: 0, queued: 0 }
    await untilMetrics(bridge, (metrics) => {
      for (const state of ['running', 'queued'] as const)
        most[state] = Math.max(most[state], metrics.get(`homeport_handshakes{state="${state}"}`) ?? 0)
      return (metrics.get('homeport_links_ended_total{reason="replaced"}') ?? 0) >= count
    })
    expect(most.running).toBeLessThanOrEqual(2)
    expect(most.queued).toBeGreaterThan(count / 2)
    const metrics = await metricsOf(bridge)
    expect(metrics.get('homeport_links')).toBe(count + 1)
    expect([...metrics.keys()].filter((name) => name.startsWith('homeport_call_home_refusals_total'))).toEqual([])
    expect(bridge.log().slice(from)).not.toContainEqual(expect.objectContaining({ deviceId: 'live-1' }))
    expect((await session.request(operation.getConfig('running'))).bytes.toString()).toContain('live-1')
    await session.close()
  })

  it('come after one that was attached before', async () => {
    const count = 40
    const bridge = await bridgeFor(['old-1', ...idsOf('new-', count)], { 'max-concurrent-handshakes': 1 })
    const old = startDevices(bridge, 'old-', 1)
    await bridge.logged(/^link attached/, { deviceId: 'old-1' })
    startDevices(bridge, 'new-', count)
    await untilMetrics(bridge, (metrics) => (metrics.get('homeport_handshakes{state="queued"}') ?? 0) > count / 2)
    old.devices[0]?.redial()
    await bridge.logged(/^link replaced/, { deviceId: 'old-1' })
    await untilMetrics(bridge, (metrics) => metrics.get('homeport_links') === count + 1)
    const order = bridge.log().filter(({ msg }) => /^link (attached|replaced)/.test(msg))
    const place = order.findIndex(({ msg }) => msg.startsWith('link replaced'))
    expect(order.length - place).toBeGreaterThan(count / 4)
  })
})

describe('a hostile source', () => {
  it('that opens many silent connections is refused more of them, and devices get in meanwhile', async () => {
    const bridge = await bridgeFor(idsOf('sim-', 5), { 'max-queued-handshakes': 60, 'initiation-timeout': '60s' })
    await stall(bridge, 100)
    await bridge.logged(/^call refused/, { reason: 'too-many-from-source' })
    startDevices(bridge, 'sim-', 5)
    const metrics = await untilMetrics(bridge, (now) => now.get('homeport_links') === 5)
    expect(metrics.get('homeport_handshakes{state="arriving"}')).toBe(40)
    expect(metrics.get('homeport_call_home_refusals_total{reason="too-many-from-source"}')).toBe(60)
  })

  it('that begins many handshakes and lets them lie holds nobody up, and is gone after the time for one', async () => {
    const bridge = await bridgeFor(idsOf('sim-', 5), {
      'max-concurrent-handshakes': 2,
      'max-handshakes': 30,
      'handshake-timeout': '8s',
    })
    const stalled = await stall(bridge, 40, 'SSH-2.0-slow\r\n')
    const closed = Promise.race(stalled.map((socket) => once(socket, 'close')))
    // As many have begun as one source may have, and idle; the others wait behind them.
    await untilMetrics(bridge, (metrics) => (metrics.get('homeport_handshakes{state="queued"}') ?? 0) === 20)
    startDevices(bridge, 'sim-', 5)
    await untilMetrics(bridge, (metrics) => metrics.get('homeport_links') === 5)
    expect(
      (await metricsOf(bridge)).get('homeport_call_home_refusals_total{reason="handshake-timeout"}'),
    ).toBeUndefined()
    await bridge.logged(/^call refused/, { reason: 'handshake-timeout' })
    await closed
  })

  it('whose connections close while they wait leaves nothing behind', async () => {
    const bridge = await bridgeFor([], { 'max-concurrent-handshakes': 1, 'max-handshakes': 1 })
    const sockets = await stall(bridge, 10, 'SSH-2.0-slow\r\n')
    await untilMetrics(bridge, (metrics) => metrics.get('homeport_handshakes{state="queued"}') === 9)
    // A handshake that runs has been greeted. It goes last: after it, the next would run and be no longer waiting.
    const running = sockets.filter(({ bytesRead }) => bytesRead > 0)
    expect(running).toHaveLength(1)
    const closed = 'homeport_call_home_refusals_total{reason="closed-early"}'
    for (const socket of sockets) if (!running.includes(socket)) socket.destroy()
    await untilMetrics(bridge, (now) => now.get(closed) === 9)
    for (const socket of running) socket.destroy()
    const metrics = await untilMetrics(bridge, (now) =>
      ['arriving', 'queued', 'running', 'waiting'].every(
        (state) => now.get(`homeport_handshakes{state="${state}"}`) === 0,
      ),
    )
    expect(metrics.get(closed)).toBe(9)
  })
})
