import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SessionView } from '../../src/northbound/http/routes/sessions/session.js'
import { type SimulatedDevices, startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { runNcclient, startSsh } from './parts/clients.js'
import { deviceLogin } from './support/attached-device.js'
import { askBridge } from './support/ask-bridge.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
import { samplesOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const hello = `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`
const own = endAfterEach()

describe('sessions', () => {
  let bridge: RunningBridge
  let devices: SimulatedDevices

  beforeAll(async () => {
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: ['sim-1', 'sim-2'].map((id) => ({ id, secret: `secret of ${id}` })),
      users: [opsUser(), opsUser({ name: 'nms' })],
    })
    devices = startSimulatedDevices({
      count: 2,
      to: { host: bridge.host, port: bridge.callHomePort },
      secret: 'secret of {id}',
      username: deviceLogin.user,
      password: deviceLogin.password,
    })
    await Promise.all(['sim-1', 'sim-2'].map((deviceId) => bridge.logged(/^link attached/, { deviceId })))
  })
  afterAll(async () => {
    await devices?.stop()
    await bridge?.stop()
  })

  async function list(query = ''): Promise<readonly SessionView[]> {
    const { body } = await askBridge(bridge, `/api/v1/sessions${query}`)
    return (JSON.parse(body) as { readonly sessions: readonly SessionView[] }).sessions
  }

  /** A session that OpenSSH holds open. */
  async function openSession(deviceId: string) {
    const ssh = startSsh(clientLogin(bridge, deviceId))
    own({ stop: ssh.kill })
    await ssh.write(hello)
    await ssh.output('</hello>]]>]]>')
    return ssh
  }

  it('are listed with device, user, source and octets, and are gone when they have ended', async () => {
    const ssh = await openSession('sim-1')
    const from = bridge.lines.all.length
    const delayed = '<generate-reply xmlns="urn:homeport:simulated-device:test"><delay>60000</delay></generate-reply>'
    const ncclient = runNcclient(clientLogin(bridge, 'sim-2', { user: 'nms' }), {
      steps: [{ do: 'rpc', xml: delayed }],
    }).then(
      () => 'answered',
      (error: Error) => error.message,
    )
    await bridge.logged(/^session opened/, { user: 'nms' }, { from })
    const [first, second] = await list()
    expect(first).toMatchObject({
      device: 'sim-1',
      user: 'ops',
      source: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      via: 'ssh',
      request: { kind: 'subsystem', name: 'netconf' },
      bytesFromClient: hello.length,
      bytesFromDevice: ssh.stdout().length,
    })
    expect(second).toMatchObject({ device: 'sim-2', user: 'nms', via: 'ssh' })
    expect(await list('?user=ops')).toMatchObject([{ id: first?.id }])
    const table = await operate(bridge, 'sessions', 'list', '--device', 'sim-2')
    expect(table.stdout.split('\n')).toEqual([expect.stringMatching(/^ID +DEVICE/), expect.stringMatching(/ nms /), ''])

    // ncclient hears of it at once, not when its answer is due.
    expect(await askBridge(bridge, `/api/v1/sessions/${second?.id}`, 'DELETE')).toMatchObject({ status: 204 })
    expect(await ncclient).toMatch(/SessionCloseError|closed/i)
    ssh.end()
    await ssh.ended()
    await bridge.logged(/^session closed/, { sessionId: first?.id })
    expect(await list()).toEqual([])
  })

  it('that are killed end with the reason on standard error, and no other one does', async () => {
    const [victim, bystander] = [await openSession('sim-1'), await openSession('sim-1')]
    const id = (await list())[0]?.id ?? ''
    expect(await operate(bridge, 'sessions', 'kill', id)).toMatchObject({ status: 0, stdout: `killed: ${id}\n` })
    const { stderr, status } = await victim.ended()
    expect(stderr).toContain('homeport: session killed by operator\n')
    expect(status).toBe(1)
    await bridge.logged(/^session closed/, { sessionId: id, endedBy: 'operator', killedBy: 'operator' })

    const from = bystander.stdout().length
    await bystander.write(`<rpc message-id="7" xmlns="${base}"><close-session/></rpc>]]>]]>`)
    await bystander.output('message-id="7"', { from })
    await bystander.ended()
    expect(await askBridge(bridge, `/api/v1/sessions/${id}`, 'DELETE')).toMatchObject({ status: 404 })
  })

  it('and all that happened are in the metrics, as Prometheus would read them', async () => {
    const before = await metrics(bridge)
    const ssh = await openSession('sim-1')
    const stranger = connect(bridge.callHomePort, bridge.host)
    own({ stop: () => void stranger.destroy() })
    // Its answer has to be read, or its end is never seen.
    stranger.resume().end('GET / HTTP/1.1\r\n\r\n')
    await once(stranger, 'close')
    const refused = await startSsh(clientLogin(bridge, 'nobody')).ended()
    expect(refused.status).toBe(1)
    const denied = await startSsh(clientLogin(bridge, 'sim-1', { password: 'wrong' })).ended()
    expect(denied.status).toBe(255)

    const during = await metrics(bridge)
    const sent = ssh.stdout().length
    const grown = (name: string): number => (during.get(name) ?? 0) - (before.get(name) ?? 0)
    expect(during.get('homeport_links')).toBe(2)
    expect(during.get('homeport_links_attached_total')).toBe(2)
    expect(during.get('homeport_devices{standing="configured"}')).toBe(2)
    expect(during.get('homeport_handshake_duration_seconds_count{outcome="attached"}')).toBe(2)
    expect(during.get('homeport_sessions{via="ssh"}')).toBe(1)
    expect(during.get('homeport_clients')).toBe(1)
    expect(grown('homeport_call_home_connections_total')).toBe(1)
    expect(grown('homeport_call_home_refusals_total{reason="not-ssh"}')).toBe(1)
    expect(grown('homeport_sessions_opened_total{via="ssh",channel="netconf"}')).toBe(1)
    expect(grown('homeport_sessions_refused_total{reason="unknown-device"}')).toBe(1)
    expect(grown('homeport_relayed_bytes_total{direction="from-client"}')).toBe(hello.length)
    expect(grown('homeport_relayed_bytes_total{direction="from-device"}')).toBe(sent)
    expect(grown('homeport_logins_total{method="password",outcome="accepted"}')).toBe(2)
    const late = ['0.5', '0.99', '1'].map((at) => during.get(`homeport_event_loop_delay_seconds{quantile="${at}"}`))
    expect(late.every((delay) => delay !== undefined && delay >= 0 && delay < 10)).toBe(true)

    const from = bridge.lines.all.length
    ssh.end()
    await ssh.ended()
    await bridge.logged(/^session closed/, {}, { from })
    await bridge.logged(/^client disconnected/, {}, { from })
    const after = await metrics(bridge)
    expect(after.get('homeport_sessions{via="ssh"}')).toBe(0)
    expect(after.get('homeport_clients')).toBe(0)
    const count = 'homeport_session_duration_seconds_count{via="ssh"}'
    expect((after.get(count) ?? 0) - (during.get(count) ?? 0)).toBe(1)
  })
})

/** What curl gets from the operator's socket: the value of each sample. */
async function metrics({ directory }: RunningBridge): Promise<ReadonlyMap<string, number>> {
  const socket = join(directory, 'data/homeport.sock')
  const curl = promisify(execFile)('curl', ['-sSf', '--unix-socket', socket, 'http://homeport/metrics'])
  return samplesOf((await curl).stdout)
}
