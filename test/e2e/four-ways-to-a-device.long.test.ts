import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Login, runNcclient, runParamiko, startSshFrom } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { devicePlaces } from './support/device-places.js'
import { freePort } from './parts/free-port.js'
import { ops, opsUser } from './support/users.js'

const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const hello = `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`
const close = `<rpc message-id="1" xmlns="${base}"><close-session/></rpc>]]>]]>`

describe('a device is reached by unmodified clients', () => {
  let netconfd: Netconfd
  let attached: AttachedDevice
  let directory: TempDir
  let key: SshKey
  let sshConfig: string
  let port: number
  let address: string

  beforeAll(async () => {
    directory = await makeTempDir('four-ways')
    key = await makeSshKey(directory.path, 'ed25519', 'client')
    const ca = await makeSshKey(directory.path, 'ed25519', 'host_ca')
    netconfd = await startNetconfd()
    const firstPort = await freePort()
    attached = await startAttachedDevice({
      netconf: netconfd.subsystem,
      deviceId: 'Router1',
      config: {
        users: [opsUser({ 'authorized-keys': [key.publicKey] })],
        endpoint: {
          ssh: {
            'host-ca': ca.path,
            'host-names': ['bridge.example.net'],
            'device-ports': `${firstPort}-${Math.min(firstPort + 20, 65_535)}`,
            'device-addresses': '127.77.0.0/16',
          },
        },
      },
    })
    const place = (await devicePlaces(attached.bridge)).get('Router1')
    port = place?.port ?? 0
    address = place?.address ?? ''
    const { endpointPort } = attached.bridge
    const knownHosts = join(directory.path, 'known_hosts')
    // All that a client is told: nothing of any key of the bridge.
    await writeFile(knownHosts, `@cert-authority * ${ca.publicKey}\n`)
    sshConfig = join(directory.path, 'ssh_config')
    await writeFile(
      sshConfig,
      `Host bridge
    HostName 127.0.0.1
    Port ${endpointPort}
Host router1
    Port 830
    ProxyJump bridge
    ProxyCommand ssh -F ${sshConfig} -W %h:%p bridge
Host by-command
    HostName router1
    Port 830
    ProxyCommand ssh -F ${sshConfig} -W %h:%p bridge
Host by-port
    HostName 127.0.0.1
    Port ${port}
    HostKeyAlias router1
Host by-address
    HostName ${address}
    Port ${endpointPort}
Host *
    User ${ops.name}
    IdentityFile ${key.path}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile ${knownHosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
`,
    )
  })
  afterAll(async () => {
    await attached?.stop()
    await netconfd?.stop()
    await directory?.remove()
  })

  const login = (more: Partial<Login> = {}): Login => ({
    host: attached.bridge.host,
    port: attached.bridge.endpointPort,
    user: ops.name,
    password: ops.password,
    ...more,
  })
  const get = [{ do: 'get-config', source: 'running' }] as const

  const byPort = (): Login => login({ port })
  const byAddress = (): Login => login({ host: address })

  describe('by login name', () => {
    it('ncclient and paramiko', async () => {
      const named = (separator: string): Login => login({ user: `${ops.name}${separator}Router1` })
      expect((await runNcclient(named('@'), { steps: get })).replies[0]?.reply).toMatch(/<data/)
      for (const separator of ['@', '%', '+'])
        expect((await runParamiko(named(separator)))[0]?.replies[0]).toMatch(/<data/)
    })

    it.each(['@', '%', '+'])('with %s: OpenSSH, which trusts the CA alone', async (separator) => {
      await expectSession('-l', `${ops.name}${separator}Router1`, '-s', 'bridge', 'netconf')
    })
  })

  describe('by a port of its own, with the plain user name', () => {
    it('ncclient and paramiko', async () => {
      expect((await runNcclient(byPort(), { steps: get })).replies[0]?.reply).toMatch(/<data/)
      expect((await runParamiko(byPort()))[0]?.replies[0]).toMatch(/<data/)
    })

    it('OpenSSH, which trusts the CA alone, by the name of the device and by that of the bridge', async () => {
      await expectSession('-s', 'by-port', 'netconf')
      await expectSession('-o', 'HostKeyAlias=bridge.example.net', '-s', 'by-port', 'netconf')
    })
  })

  describe('by an address of its own, with the plain user name', () => {
    it('ncclient and paramiko', async () => {
      expect((await runNcclient(byAddress(), { steps: get })).replies[0]?.reply).toMatch(/<data/)
      expect((await runParamiko(byAddress()))[0]?.replies[0]).toMatch(/<data/)
    })

    it('OpenSSH, which trusts the CA alone, by the address and by the name of the device', async () => {
      await expectSession('-s', 'by-address', 'netconf')
      await expectSession('-o', 'HostKeyAlias=ROUTER1', '-s', 'by-address', 'netconf')
    })
  })

  describe('by way of the bridge as a jump host', () => {
    it('OpenSSH with ProxyJump of ssh_config, with ProxyCommand, and with -J', async () => {
      await expectSession('-s', 'router1', 'netconf')
      await expectSession('-s', 'by-command', 'netconf')
      await expectSession('-J', 'bridge', '-p', '22', '-s', 'ROUTER1', 'netconf')
    })

    it('ncclient with ssh_config=', async () => {
      const { replies } = await runNcclient(login({ host: 'router1', port: 830 }), { steps: get, sshConfig })
      expect(replies[0]?.reply).toMatch(/<data/)
      await attached.bridge.logged(/^client jumps to a device/, { deviceId: 'Router1', host: 'router1', port: 830 })
      await attached.bridge.logged(/^session opened/, { deviceId: 'Router1', by: 'jump', user: ops.name })
    })

    it('paramiko with a channel as its socket, which knows the bridge’s key for both', async () => {
      const knownHosts = join(directory.path, 'plain_known_hosts')
      const { stdout } = await promisify(execFile)('ssh-keygen', [
        '-y',
        '-f',
        join(attached.bridge.directory, 'data/ssh_host_ed25519_key'),
      ])
      await writeFile(knownHosts, `[127.0.0.1]:${attached.bridge.endpointPort},[router1]:830 ${stdout}`)
      const sessions = await runParamiko(login(), { jumpTo: 'router1', knownHosts, sessions: 3 })
      expect(sessions).toHaveLength(3)
      for (const { replies } of sessions) expect(replies[0]).toMatch(/<data/)
    })

    it('a certificate is for the one device: another name is refused by the client', async () => {
      const ssh = startSshFrom(sshConfig, ['-o', 'HostKeyAlias=router2', '-s', 'router1', 'netconf'])
      const { stderr, status } = await ssh.ended()
      expect(status).toBe(255)
      expect(stderr).toMatch(/Host key verification failed|name is not a listed principal/)
    })

    it.each([
      ['another host', 'elsewhere.example.net:830'],
      ['an address', '127.0.0.1:830'],
      ['another port of a device', 'router1:23'],
      ['the port where devices call home', 'localhost:4334'],
    ])('%s is never dialled', async (_what, target) => {
      const ssh = startSshFrom(sshConfig, ['-o', 'LogLevel=INFO', '-W', target, 'bridge'])
      const { stderr, status } = await ssh.ended()
      expect(status).toBe(255)
      expect(stderr).toMatch(
        /administratively prohibited: homeport: ".*" port \d+ is no device here, or none that you have rights on; ask for a device id/,
      )
      await attached.bridge.logged(/^jump refused/, { reason: 'not-a-device', user: ops.name })
    })

    it('forwards nothing else, and a connection inside another one is a way to no further one', async () => {
      const back = startSshFrom(sshConfig, ['-o', 'ExitOnForwardFailure=yes', '-N', '-R', '0:127.0.0.1:22', 'bridge'])
      expect((await back.ended()).stderr).toMatch(/remote port forwarding failed/)
      const nested = startSshFrom(sshConfig, ['-o', 'LogLevel=INFO', '-W', 'router1:830', 'router1'])
      expect((await nested.ended()).stderr).toMatch(/administratively prohibited/)
    })
  })

  it('a plain login name where all devices are reached gets no session, and is told the ways', async () => {
    const { stderr, status } = await startSshFrom(sshConfig, ['-s', 'bridge', 'netconf']).ended()
    expect(stderr).toMatch(/^homeport: the login name names no device; log in as user@device-id, or/)
    expect(status).toBe(1)
  })

  it.each(['by-port', 'by-address', 'router1'])('%s: a login name of another device is refused', async (host) => {
    const { stderr, status } = await startSshFrom(sshConfig, [
      '-l',
      `${ops.name}@router2`,
      '-s',
      host,
      'netconf',
    ]).ended()
    expect(stderr).toMatch(/is that of device "Router1", but the login name asks for "router2"/)
    expect(status).toBe(1)
    await expectSession('-l', `${ops.name}@router1`, '-s', host, 'netconf')
  })

  it('whichever way, who has no rights gets none, and who is nobody gets in nowhere', async () => {
    for (const host of ['bridge', 'by-port', 'by-address', 'router1']) {
      const { stderr, status } = await startSshFrom(sshConfig, ['-l', 'nobody', '-s', host, 'netconf']).ended()
      expect([status, stderr]).toEqual([255, expect.stringMatching(/Permission denied/) as string])
    }
  })

  /** Runs a session up to the device's own hello, and closes it. */
  async function expectSession(...args: readonly string[]): Promise<void> {
    const ssh = startSshFrom(sshConfig, args)
    await ssh.write(hello)
    await ssh.output('</hello>]]>]]>')
    await ssh.write(close)
    const { stdout, status } = await ssh.ended()
    expect(stdout.toString()).toMatch(/<session-id>\d+<\/session-id>[^]*<ok\/>/)
    expect(status).toBe(0)
  }
})
