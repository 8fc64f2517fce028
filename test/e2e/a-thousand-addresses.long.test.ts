import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type SimulatedDevices, startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { runNcclient, startSshFrom } from './parts/clients.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { devicePlaces } from './support/device-places.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()
const count = 1000
const ids = Array.from({ length: count }, (_, at) => `sim-${at + 1}`)
const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const hello = `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`
const close = `<rpc message-id="1" xmlns="${base}"><close-session/></rpc>]]>]]>`

it('a thousand devices, each at an address of its own on one port, found by name and the same after a kill', async () => {
  const directory = await makeTempDir('thousand')
  own({ stop: directory.remove })
  const key = await makeSshKey(directory.path, 'ed25519', 'client')
  const ca = await makeSshKey(directory.path, 'ed25519', 'host_ca')
  const config: ConfigFile = {
    'data-dir': join(directory.path, 'data'),
    endpoint: { ssh: { address: '0.0.0.0', 'device-addresses': '127.1.0.0/16', 'host-ca': ca.path } },
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    devices: ids.map((id) => ({ id, secret: `secret of ${id}` })),
    users: [opsUser({ 'authorized-keys': [key.publicKey] })],
  }
  const bridge = await startBridge(config)
  let devices: SimulatedDevices | undefined
  const before = await devicePlaces(bridge)
  try {
    expect(new Set([...before.values()].map((place) => place?.address)).size).toBe(count)
    for (const place of before.values()) expect(place?.address).toMatch(/^127\.1\.\d+\.\d+$/)

    devices = startSimulatedDevices({
      count,
      to: { host: bridge.host, port: bridge.callHomePort },
      secret: 'secret of {id}',
      username: deviceLogin.user,
      password: deviceLogin.password,
    })
    await devices.attached
    await reachTen(bridge, directory.path, key.path, ca.publicKey)
  } finally {
    await devices?.stop()
    // No goodbye, as when the power fails.
    bridge.process.kill('SIGKILL')
    await once(bridge.process, 'exit')
  }

  // In another order, and one no longer configured, which is out with its entry: nobody gets another one's address.
  const restarted = own(
    await startBridge({
      ...config,
      devices: ids
        .slice(1)
        .map((id) => ({ id, secret: `secret of ${id}` }))
        .toReversed(),
    }),
  )
  const after = await devicePlaces(restarted)
  for (const id of ids.slice(1)) expect(after.get(id), id).toEqual(before.get(id))
  expect(after.has(ids[0] ?? '')).toBe(false)
}, 180_000)

/**
 * Ten of them by nothing but their names, with the output of `devices hosts` as /etc/hosts; OpenSSH trusts the CA
 * alone.
 */
async function reachTen(bridge: RunningBridge, directory: string, keyFile: string, ca: string): Promise<void> {
  const hosts = join(directory, 'hosts')
  const { stdout } = await operate(bridge, 'devices', 'hosts')
  const lines = stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(count)
  const names = Array.from({ length: 10 }, (_, at) => `sim-${at * 97 + 5}`)
  // nss_wrapper takes a thousand lines at most.
  await writeFile(hosts, `${lines.filter((line) => names.includes(line.split('\t')[1] ?? '')).join('\n')}\n`)
  await writeFile(join(directory, 'known_hosts'), `@cert-authority * ${ca}\n`)
  const sshConfig = join(directory, 'ssh_config')
  await writeFile(
    sshConfig,
    [
      'Host *',
      `User ${ops.name}`,
      `Port ${bridge.endpointPort}`,
      `IdentityFile ${keyFile}`,
      'IdentitiesOnly yes',
      'IdentityAgent none',
      `UserKnownHostsFile ${join(directory, 'known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
      'StrictHostKeyChecking yes',
      'BatchMode yes',
      '',
    ].join('\n'),
  )
  await Promise.all(
    names.slice(1).map(async (name) => {
      const ssh = startSshFrom(sshConfig, ['-s', name, 'netconf'], hosts)
      await ssh.write(hello)
      await ssh.output('</hello>]]>]]>')
      await ssh.write(
        `<rpc message-id="0" xmlns="${base}"><get-config><source><running/></source></get-config></rpc>]]>]]>`,
      )
      await ssh.output(`<hostname>${name}</hostname>`)
      await ssh.write(close)
      expect((await ssh.ended()).status).toBe(0)
    }),
  )
  const [name = ''] = names
  const login = { host: name, port: bridge.endpointPort, user: ops.name, password: ops.password }
  const { replies } = await runNcclient(login, { steps: [{ do: 'get-config', source: 'running' }], hostsFile: hosts })
  expect(replies[0]?.reply).toContain(`>${name}</`)
}
