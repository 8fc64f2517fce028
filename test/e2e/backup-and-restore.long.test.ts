import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { summaryOfStore } from '../../src/store/sqlite/sqlite-copy.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { freePort } from './parts/free-port.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { createCaller, curl } from './support/http-api.js'
import { homeport, operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

async function tempDir(name: string): Promise<string> {
  const directory = await makeTempDir(name)
  own({ stop: directory.remove })
  return directory.path
}

/** A bridge with a device that an operator has approved, a token, a job that waits, and a port given to the device. */
async function livingBridge() {
  const directory = await tempDir('machine')
  const ports = { callHome: await freePort(), device: await freePort() }
  const config: ConfigFile = {
    credentials: { default: { username: deviceLogin.user, password: '${DEVICE_PASSWORD}' } },
    'call-home': { ssh: { address: '127.0.0.1', port: ports.callHome } },
    endpoint: { ssh: { 'device-ports': `${ports.device}-${ports.device}` } },
    users: [opsUser()],
  }
  await writeFile(join(directory, '.env'), `DEVICE_PASSWORD=${deviceLogin.password}\n`, { mode: 0o600 })
  const bridge = own(await startBridge(config, { directory }))
  const hostKey = await makeSshKey(await tempDir('keys'), 'ed25519')
  own(
    await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: '127.0.0.1', port: ports.callHome },
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
    }),
  )
  const pending = await bridge.logged(/^device pending/, { deviceId: 'router1' })
  await operate(bridge, 'devices', 'approve', 'router1', '--fingerprint', String(pending['hostKeyFingerprint']))
  await bridge.logged(/^link attached/, { deviceId: 'router1' })
  const added = await curl(bridge, '/api/v1/devices', { body: { id: 'away', secret: 'secret of it' } })
  expect(added.status).toBe(201)
  const token = (await operate(bridge, 'token', 'create', '--user', 'ops')).stdout.trim()
  return { directory, config, bridge, token, ports }
}

type Living = Awaited<ReturnType<typeof livingBridge>>

function jobs(bridge: RunningBridge, token: string) {
  return curl(bridge, '/api/v1/jobs', { method: 'GET', headers: { Authorization: `Bearer ${token}` } })
}

/** What a client would notice if it were another bridge. */
async function seenBy({ token }: Living, bridge: RunningBridge) {
  const hostKeys = bridge.log().filter(({ msg }) => msg === 'host key')
  const { stdout } = await operate(bridge, 'devices', 'list', '--json')
  const listed = JSON.parse(stdout) as
    | readonly Record<string, unknown>[]
    | { devices: readonly Record<string, unknown>[] }
  const devices = 'devices' in listed ? listed.devices : listed
  const { status, body } = await jobs(bridge, token)
  return {
    hostKeys: hostKeys.map(({ fingerprint }) => fingerprint),
    devices: devices.map(({ id, standing, pins, endpoints }) => ({ id, standing, pins, endpoints })),
    jobs: { status, ids: (JSON.parse(body) as { jobs?: readonly { id: string }[] }).jobs?.map(({ id }) => id) },
  }
}

describe('a backup of a running bridge', () => {
  it('makes the same bridge on a new machine: same host keys, pins, tokens, jobs and ports', async () => {
    const old = await livingBridge()
    const file = join(await tempDir('backup'), 'homeport.tar.gz')
    const asked = await curl(old.bridge, '/api/v1/devices/away/rpc', {
      body: '<get/>',
      headers: { Authorization: `Bearer ${old.token}`, Prefer: 'respond-async' },
    })
    expect(asked.status).toBe(202)
    const before = await seenBy(old, old.bridge)
    expect(before.devices.map(({ id }) => id)).toEqual(['away', 'router1'])
    expect(before.hostKeys).toHaveLength(3)
    expect(before.jobs.ids).toHaveLength(1)

    const made = await operate(old.bridge, 'backup', file)
    expect(made).toMatchObject({ status: 0, stderr: '' })
    // It is the bridge's own, and was so while it ran: a restore keeps off.
    expect(await homeport('restore', file, '--config', join(old.directory, 'homeport.yaml'), '--force')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('a bridge runs on'),
    })
    await old.bridge.stop()

    const machine = join(await tempDir('new-machine'), 'homeport')
    const restored = await homeport('restore', file, '--config', join(machine, 'homeport.yaml'))
    expect(restored).toMatchObject({ status: 0, stderr: '' })
    expect(await readFile(join(machine, 'homeport.yaml'))).toEqual(await readFile(join(old.directory, 'homeport.yaml')))
    expect(await readFile(join(machine, '.env'))).toEqual(await readFile(join(old.directory, '.env')))

    const bridge = own(await startBridge(old.config, { directory: machine }))
    // By the pin that was approved on the other machine: it never pends.
    await bridge.logged(/^link attached/, { deviceId: 'router1' })
    expect(bridge.log().filter(({ msg }) => msg.startsWith('device pending'))).toEqual([])
    expect(await seenBy(old, bridge)).toEqual(before)
  })

  it('is whole while devices are added all the time', async () => {
    const { bridge } = await livingBridge()
    const directory = await tempDir('backups')
    const caller = createCaller(bridge, 1)
    own({ stop: () => Promise.resolve(caller.stop()) })
    const added: string[] = []
    const file = join(directory, 'busy.tar.gz')
    let backingUp = true
    const made = operate(bridge, 'backup', file).finally(() => (backingUp = false))
    while (backingUp) {
      const id = `busy${added.length}`
      expect(await caller.call('/api/v1/devices', { body: { id, secret: 'secret of it' } })).toMatchObject({
        status: 201,
      })
      added.push(id)
    }
    expect(await made).toMatchObject({ status: 0, stderr: '' })
    expect(await homeport('restore', file, '--to', join(directory, 'look'))).toMatchObject({ status: 0 })
    const { approved } = summaryOfStore(join(directory, 'look/data/homeport.db'))
    // Of what came meanwhile a beginning without gaps, and something had come.
    const ids = added.filter((id) => approved.has(id))
    expect(ids.length).toBeGreaterThan(0)
    expect(ids).toEqual(added.slice(0, ids.length))
  })
})
