import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer, type Server } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startSshFrom } from './parts/clients.js'
import { freePort } from './parts/free-port.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { waitFor } from './parts/wait-for.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { auditedOnce, auditFileOf } from './support/audit-lines.js'
import type { ListeningSshd } from './support/certificate-peers.js'
import { operate } from './support/homeport-command.js'
import { way } from './support/jump.js'
import { metricsOf } from './support/metrics.js'
import { ownPortsConfig, person, startOwnSshd } from './support/own-sshd.js'
import { endAfterEach } from './support/resources.js'
import { login } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

describe("a device's own ports, through its link", () => {
  let room: TempDir
  let key: SshKey
  let sshd: ListeningSshd & { readonly hostKey: SshKey }
  let web: Server
  let webPort: number
  let closedPort: number
  /** Something of the network that nobody may reach. */
  let other: { readonly port: number; readonly calls: () => number; readonly stop: () => void }
  let attached: AttachedDevice

  beforeAll(async () => {
    room = await makeTempDir('own-ports')
    key = await makeSshKey(room.path, 'ed25519', 'client')
    sshd = await startOwnSshd(room.path, key, { netconf: byteSubsystem.echo() })
    web = createHttpServer((_request, response) => response.end('of the device itself')).listen(0, '127.0.0.1')
    await once(web, 'listening')
    webPort = (web.address() as AddressInfo).port
    closedPort = await freePort()
    let calls = 0
    const listener = createServer((socket) => {
      calls += 1
      socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    other = {
      port: (listener.address() as AddressInfo).port,
      calls: () => calls,
      stop: () => void listener.close(),
    }
    const user = (name: string, ...roles: string[]) => opsUser({ name, roles, 'authorized-keys': [key.publicKey] })
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      deviceId: 'Router1',
      config: {
        users: [
          user('ops', 'own'),
          user('plain', 'operator'),
          user('viewer', 'own', 'view'),
          user('elsewhere', 'elsewhere'),
          opsUser({ name: 'bound', roles: ['own'], 'authorized-keys': [`restrict ${key.publicKey}`] }),
          opsUser({ name: 'netconf', roles: ['own'], 'authorized-keys': [`command="netconf" ${key.publicKey}`] }),
        ],
        roles: {
          operator: { devices: ['*'], operations: ['*'] },
          own: { devices: ['*'], channels: [], forwards: [sshd.port, webPort, closedPort] },
          view: { devices: ['*'], operations: ['get'] },
          elsewhere: { devices: ['router2'], operations: ['*'], forwards: [sshd.port, webPort] },
        },
      },
    })
  })
  afterAll(async () => {
    await attached?.stop()
    await sshd?.stop()
    web?.close()
    other?.stop()
    await room?.remove()
  })

  async function sshConfig(user = 'ops'): Promise<string> {
    const knownHosts = join(room.path, 'known_hosts')
    await writeFile(knownHosts, `[self.router1]:${sshd.port} ${sshd.hostKey.publicKey}\n`)
    const file = join(room.path, `ssh_config_${user}`)
    const { endpointPort } = attached.bridge
    await writeFile(file, ownPortsConfig({ bridgePort: endpointPort, user, key, knownHosts }))
    return file
  }
  const self = async (...args: readonly string[]) =>
    startSshFrom(await sshConfig(), ['-J', 'bridge', '-p', String(sshd.port), ...args])
  /** What OpenSSH says that is refused. */
  async function refused(target: string, user = 'ops'): Promise<string> {
    const { stderr, status } = await startSshFrom(await sshConfig(user), ['-W', target, 'bridge']).ended()
    expect(status).toBe(255)
    return stderr
  }
  const connection = async (user = 'ops') => own(await login(attached.bridge, '', { username: user }))

  it('ssh -J ends in the sshd of the device, with its host key, its account and its log', async () => {
    const ssh = await self('self.router1', 'echo $USER; cat')
    ssh.process.stdin.end('end to end\n')
    const { stdout, status } = await ssh.ended()
    expect([status, stdout.toString()]).toEqual([0, `${person}\nend to end\n`])
    await sshd.log.match(new RegExp(`Accepted publickey for ${person} `))
    const line = await attached.bridge.logged(/^session closed/, { channel: 'tcp', user: 'ops', port: sshd.port })
    expect(line).toMatchObject({ deviceId: 'Router1', endedBy: 'client' })
  })

  it('its subsystem for NETCONF is reached end to end', async () => {
    const ssh = await self('-s', 'self.ROUTER1', 'netconf')
    ssh.process.stdin.end('<hello/>]]>]]>')
    expect((await ssh.ended()).stdout.toString()).toBe('<hello/>]]>]]>')
  })

  it('curl through -L reaches a service of the device', async () => {
    const here = await freePort()
    const ssh = startSshFrom(await sshConfig(), ['-N', '-L', `${here}:self.router1:${webPort}`, '-v', 'bridge'])
    own({ stop: ssh.kill })
    await waitFor('the port of ssh -L', async () => ssh.stderr().includes('Local forwarding listening') || undefined)
    const { stdout } = await promisify(execFile)('curl', ['--silent', `http://127.0.0.1:${here}/`])
    expect(stdout).toBe('of the device itself')
  })

  it('is told in the audit log: who, which device and port, how much, and how it ended', async () => {
    const channel = await way(await connection(), 'self.router1', webPort)
    channel.end('GET / HTTP/1.0\r\n\r\n')
    channel.resume()
    await once(channel, 'close')
    const request = String(webPort)
    const lines = await auditedOnce(auditFileOf(attached.bridge), 'the end of a connection', (all) =>
      all.some(
        ({ event, channel: kind, bytesFromClient }) =>
          [event, kind, bytesFromClient].join() === 'session-closed,tcp,18',
      ),
    )
    const closed = lines.find(({ event, bytesFromClient }) => event === 'session-closed' && bytesFromClient === 18)
    expect(closed).toMatchObject({ user: 'ops', deviceId: 'Router1', via: 'ssh', channel: 'tcp', request })
    expect(closed).toMatchObject({ endedBy: 'device', bytesFromDevice: expect.any(Number) as number, rpcs: 0 })
    const opened = lines.find(
      ({ event, sessionId }) => event === 'session-opened' && sessionId === closed?.['sessionId'],
    )
    expect(opened).toMatchObject({ channel: 'tcp', request, roles: ['own'], method: 'password' })
  })

  it('is listed, counted, and killed like a session', async () => {
    const counted = async () =>
      (await metricsOf(attached.bridge)).get('homeport_sessions_opened_total{via="ssh",channel="tcp"}') ?? 0
    const before = await counted()
    const channel = await way(await connection(), 'self.router1', sshd.port)
    const gone = once(channel, 'close')
    await once(channel, 'data')
    expect(await counted()).toBe(before + 1)
    const { stdout } = await operate(attached.bridge, 'sessions', 'list', '--json')
    const { sessions } = JSON.parse(stdout) as { sessions: { id: string; request: object; user: string }[] }
    const session = sessions.find(({ user }) => user === 'ops')
    expect(session?.request).toEqual({ kind: 'tcp', name: String(sshd.port) })
    await operate(attached.bridge, 'sessions', 'kill', session?.id ?? '')
    channel.resume()
    await gone
    await attached.bridge.logged(/^session closed/, { sessionId: session?.id, endedBy: 'operator' })
  })

  it('ends with the right to it', async () => {
    const channel = await way(await connection('plain'), 'self.router1', webPort).catch(String)
    expect(channel).toMatch(
      /may not reach port \d+ of device "Router1" itself: the ports of role operator are none; it takes a role with the port in `forwards`/,
    )
    const allowed = await way(await connection(), 'self.router1', sshd.port)
    const gone = once(allowed, 'close')
    await once(allowed, 'data')
    allowed.resume()
    const text = await configWithout('own')
    await attached.bridge.reload(text.without)
    await gone
    await attached.bridge.logged(/^session ended: user "ops" may not reach port/, { user: 'ops', deviceId: 'Router1' })
    await attached.bridge.reload(text.before)
  })

  /** The configuration that the bridge runs by, and the same with no ports in a role. */
  async function configWithout(role: string) {
    const before = await readFile(join(attached.bridge.directory, 'homeport.yaml'), 'utf8')
    const config = JSON.parse(before) as { roles: Record<string, object> }
    config.roles[role] = { ...config.roles[role], forwards: [] }
    return { before, without: JSON.stringify(config) }
  }

  describe('is refused', () => {
    it('to a user whose roles do not name the port', async () => {
      expect(await refused(`self.router1:${webPort}`, 'plain')).toMatch(
        /administratively prohibited: homeport: user "plain" may not reach port/,
      )
      await attached.bridge.logged(/^port refused/, { reason: 'port-not-allowed', user: 'plain', deviceId: 'Router1' })
    })

    it('to a user under rules on operations, whatever the roles name', async () => {
      expect(await refused(`self.router1:${webPort}`, 'viewer')).toMatch(
        /user "viewer" is under rules on operations on device "Router1", and so reaches none of its own ports/,
      )
      await attached.bridge.logged(/^port refused/, { reason: 'port-under-rules' })
    })

    it('to a key that forwards nothing, or is for NETCONF alone', async () => {
      expect(await refused(`self.router1:${webPort}`, 'bound')).toMatch(
        /lets nothing be reached through its connection/,
      )
      expect(await refused(`self.router1:${webPort}`, 'netconf')).toMatch(/is for NETCONF only/)
    })

    it('where nothing listens, as connect failed', async () => {
      expect(await refused(`self.router1:${closedPort}`)).toMatch(
        /open failed: connect failed: homeport: device "Router1" could not connect to its own port \d+: Connection refused/,
      )
      await attached.bridge.logged(/^port refused/, { reason: 'port-closed' })
    })

    it.each([
      ['a port that no role names', (port: number) => `self.router1:${port}`, /may not reach port/],
      ['port 0', () => 'self.router1:0', /may not reach port 0/],
      ['the loopback of the bridge', (port: number) => `127.0.0.1:${port}`, /is no device here/],
      ['an address behind the device', (port: number) => `self.127.0.0.1:${port}`, /is no device here/],
      ['a name behind the device', (port: number) => `self.localhost:${port}`, /is no device here/],
      ['a name of nothing', (port: number) => `self.:${port}`, /is no device here/],
      ['a device of no name', (port: number) => `self.router9:${port}`, /is no device here/],
      ['a path through a device', (port: number) => `self.router1.self.localhost:${port}`, /is no device here/],
    ])('%s: nothing is dialled', async (_what, target, answer) => {
      const client = await connection()
      const [host = '', port = ''] = target(other.port).split(/:(?=\d+$)/)
      expect(await way(client, host, Number(port)).then(() => 'open', String)).toMatch(answer)
      expect(other.calls()).toBe(0)
    })

    it('of a device that the user may not see, which is answered like one that is not there', async () => {
      const client = await connection('elsewhere')
      const words = async (host: string) => way(client, host, webPort).then(() => 'open', String)
      const seen = await words('self.router1')
      expect(seen).toMatch(/"self\.router1" port \d+ is no device here, or none that you have rights on/)
      expect(await words('self.router9')).toBe(seen.replace('router1', 'router9'))
    })

    it('with words of its own, in the log and in the audit log, whatever the reason', async () => {
      expect(await refused('self.nosuch:22')).toMatch(
        /after `self\.` stands the id of a device that you have rights on/,
      )
      await attached.bridge.logged(/^port refused/, {
        reason: 'not-a-device',
        user: 'ops',
        deviceId: 'nosuch',
        port: 22,
      })
      await refused(`self.router1:${webPort}`, 'bound')
      await attached.bridge.logged(/^port refused/, { reason: 'no-forwarding', user: 'bound', deviceId: 'Router1' })
      const found = (all: Awaited<ReturnType<typeof auditedOnce>>) =>
        all.flatMap(({ event, reason, deviceId, request, channel }) =>
          event === 'session-refused' ? [[reason, deviceId, channel, request].join()] : [],
        )
      const wanted = ['not-a-device,nosuch,tcp,22', `no-forwarding,Router1,tcp,${webPort}`]
      await auditedOnce(auditFileOf(attached.bridge), 'what was refused', (all) =>
        wanted.every((line) => found(all).includes(line)),
      )
      expect(attached.bridge.log().filter(({ msg }) => /^jump refused: "self\.\w/.test(msg))).toEqual([])
    })
  })

  it('leaves the plain name what it was: the bridge itself, for that device', async () => {
    const { stderr } = await startSshFrom(await sshConfig('plain'), ['-W', `router1:${webPort}`, 'bridge']).ended()
    expect(stderr).toMatch(/is no device here/)
    const channel = await way(await connection('plain'), 'router1', 22)
    const [banner] = (await once(channel, 'data')) as [Buffer]
    expect(banner.toString()).toMatch(/^SSH-2\.0-Homeport/)
  })
})

describe('a device whose sshd forwards nothing', () => {
  it('is final at once, and says which statement allows it', async () => {
    const { bridge, stop } = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      device: { config: ['AllowTcpForwarding no'] },
      config: {
        roles: { operator: { devices: ['*'], operations: ['*'], channels: ['netconf', 'ssh'] } },
        link: { 'session-wait': '1h' },
      },
    })
    own({ stop })
    const client = own(await login(bridge, '', { username: 'ops' }))
    for (const port of [22, 830])
      await expect(way(client, 'self.router1', port)).rejects.toThrow(
        /forbids connections through its link to its port \d+: .*set system services ssh allow-tcp-forwarding.*AllowTcpForwarding and PermitOpen/,
      )
    await bridge.logged(/^port refused/, { reason: 'forwarding-refused' })
  })
})
