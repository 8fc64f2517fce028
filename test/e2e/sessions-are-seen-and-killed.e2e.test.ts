import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SessionView } from '../../src/northbound/http/routes/sessions/session.js'
import { type SimulatedDevices, startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { runNcclient, startSsh } from './parts/clients.js'
import { deviceLogin } from './support/attached-device.js'
import { askBridge } from './support/ask-bridge.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
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
})
