import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { freePort } from './parts/free-port.js'
import { type PostgresServer, startPostgresServer } from './parts/postgres-server.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'

const own = endAfterEach()
const main = join(import.meta.dirname, '../../dist/main.js')

async function set(): Promise<{
  readonly server: PostgresServer
  readonly configOf: (node: string, firstUse: 'accept' | 'refuse') => ConfigFile
  readonly port: number
}> {
  const server = await startPostgresServer()
  own({ stop: server.remove })
  const url = await server.createDatabase()
  const port = await freePort()
  const secretKey = randomBytes(32).toString('base64')
  const configOf = (node: string, firstUse: 'accept' | 'refuse'): ConfigFile => ({
    'call-home': { ssh: { address: '127.0.0.1', port } },
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    trust: { 'first-use': firstUse },
    cluster: { database: url, node, 'secret-key': secretKey, lease: '3s', heartbeat: '200ms' },
  })
  return { server, configOf, port }
}

async function startDevice(port: number): Promise<void> {
  const keys = await makeTempDir('keys')
  own({ stop: keys.remove })
  const hostKey = await makeSshKey(keys.path, 'ed25519', 'host')
  const device = await startSshdDevice({
    deviceId: 'router1',
    bridge: { host: '127.0.0.1', port },
    preamble: 'junos',
    hostKeys: [hostKey],
    login: deviceLogin,
    subsystems: {},
  })
  own(device)
}

/** What `serve` says and how it ends with a configuration by which it cannot start. */
async function refusal(config: ConfigFile): Promise<{ readonly code: number; readonly stderr: string }> {
  const directory = await makeTempDir('second')
  own({ stop: directory.remove })
  const file = join(directory.path, 'homeport.yaml')
  await writeFile(file, JSON.stringify(config))
  const serve = promisify(execFile)(process.execPath, [main, 'serve', '--config', file], { cwd: directory.path })
  return serve.then(
    () => expect.fail('it started'),
    (error: { readonly code: number; readonly stderr: string }) => error,
  )
}

describe('a bridge whose database goes away', () => {
  it('goes on with the devices that it knows, says what it lacks, and is whole again by itself', async () => {
    const { server, configOf, port } = await set()
    const bridge = own(await startBridge(configOf('a', 'accept')))
    await startDevice(port)
    await bridge.logged(/^link attached/, { deviceId: 'router1' })
    const from = bridge.log().length
    const readiness = async () => {
      const response = await fetch(`${bridge.httpUrl}/readyz`)
      expect(response.status).toBe(200)
      return response.json()
    }
    expect(await readiness()).toEqual({ status: 'ok' })
    await server.kill()
    await expect.poll(readiness, { timeout: 30_000 }).toEqual({ status: 'ok', degraded: ['store'] })
    await bridge.logged(/^not written to the store: postgres:.* cannot be reached/, { level: 'error' })
    await server.start()
    await expect.poll(readiness, { timeout: 30_000 }).toEqual({ status: 'ok' })
    expect(
      bridge
        .log()
        .slice(from)
        .filter(({ msg }) => msg.startsWith('link detached')),
    ).toEqual([])
    expect(bridge.process.exitCode).toBeNull()
  })
})

describe('two bridges with one database', () => {
  it('are one that serves, and one that is refused until the first is gone, and then knows its devices', async () => {
    const { configOf, port } = await set()
    const active = own(await startBridge(configOf('a', 'accept')))
    await startDevice(port)
    await active.logged(/^link attached/, { deviceId: 'router1' })

    const { code, stderr } = await refusal(configOf('b', 'refuse'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/homeport: cluster\.database: postgres:.*: node "a" uses it\n.*one node at a time/)
    expect(stderr).not.toContain('p@ss')

    await active.kill()
    // A stranger would be refused: it is known by the key that the other bridge has seen first.
    const standby = own(await startBridge(configOf('b', 'refuse')))
    await standby.logged(/^link attached/, { deviceId: 'router1' })
  })

  it('end as one: who stood still for longer than its lease makes way for the other', async () => {
    const { configOf, port } = await set()
    const active = own(await startBridge(configOf('a', 'accept')))
    await startDevice(port)
    await active.logged(/^link attached/, { deviceId: 'router1' })
    active.process.kill('SIGSTOP')
    // The port is still that of the one that stands still.
    const config = configOf('b', 'refuse')
    const standby = own(await startBridge({ ...config, 'call-home': { ssh: { address: '127.0.0.1', port: 0 } } }))
    const ended = once(active.process, 'exit')
    active.process.kill('SIGCONT')
    const { hint } = await active.logged(/^stopping: .* node "b" has taken over from "a"/, { level: 'fatal' })
    expect(hint).toContain('standby')
    expect(await ended).toEqual([1, null])
    expect(standby.process.exitCode).toBeNull()
  })
})
