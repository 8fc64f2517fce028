import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { ssh2 } from '../../src/ssh/ssh2/load.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { type OpenSsh10, openSsh10 } from './parts/openssh-10.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { endAfterEach } from './support/resources.js'
import { login as logIn, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const ML_KEM = 'mlkem768x25519-sha256'
const WARNING = /not using a post-quantum key exchange/
const MANY = 300
/** Bytes each way after which OpenSSH exchanges keys anew. */
const REKEY_BYTES = 16 * 1024
/** Enough for many: a packet that is begun is sent before the next exchange, and so is what the other side has sent. */
const BYTES_FOR_MANY = 4 * MANY * REKEY_BYTES

let peer: OpenSsh10
let keys: TempDir
let key: SshKey

beforeAll(async () => {
  peer = await openSsh10()
  keys = await makeTempDir('keys')
  key = await makeSshKey(keys.path, 'ed25519')
}, 600_000)
afterAll(async () => {
  await peer?.stop()
  await keys?.remove()
})

it('is one of the versions that warn', () => {
  expect(peer.version).toMatch(/^OpenSSH_10\.[1-9]/)
})

const exchangesOf = (stderr: string): string[] =>
  [...stderr.matchAll(/kex: algorithm: (\S+)/g)].map(([, name]) => name ?? '')

describe('ssh of OpenSSH 10', () => {
  const start = async (netconf = byteSubsystem.echo()): Promise<AttachedDevice> =>
    own(await startAttachedDevice({ netconf, config: { users: [opsUser({ 'authorized-keys': [key.publicKey] })] } }))
  const loginTo = ({ bridge }: AttachedDevice) => {
    const { password: _none, ...login } = clientLogin(bridge, 'router1')
    return { ...login, key }
  }

  it('agrees on ML-KEM with the bridge, and warns of nothing', async () => {
    const attached = await start()
    const { status, stdout, stderr } = await peer.ssh(loginTo(attached), [], 'some words')
    expect(stdout).toBe('some words')
    expect(status).toBe(0)
    expect(stderr).not.toMatch(WARNING)
    expect(exchangesOf((await peer.ssh(loginTo(attached), ['-v'], '')).stderr)).toEqual([ML_KEM])
  })

  it('warns of a server that knows nothing but classical key exchange: the warning is one that is seen here', async () => {
    const server = own(await startClassicalServer())
    const { stderr } = await peer.ssh({ host: '127.0.0.1', port: server.port, user: 'any', key }, [], '')
    expect(stderr).toMatch(WARNING)
  })

  it('exchanges keys anew in the middle of five megabytes', async () => {
    const attached = await start()
    const sent = 'x'.repeat(5 * 1024 * 1024)
    const { stdout, stderr } = await peer.ssh(loginTo(attached), ['-v', '-o', 'RekeyLimit=1M'], sent)
    expect(stdout).toBe(sent)
    const exchanges = exchangesOf(stderr)
    expect(exchanges.length).toBeGreaterThan(4)
    expect(new Set(exchanges)).toEqual(new Set([ML_KEM]))
  })

  it('exchanges keys three hundred times in a row', async () => {
    const attached = await start()
    const sent = 'x'.repeat(BYTES_FOR_MANY)
    const { stdout, stderr } = await peer.ssh(loginTo(attached), ['-v', '-o', `RekeyLimit=${REKEY_BYTES}`], sent)
    expect(stdout).toBe(sent)
    const exchanges = exchangesOf(stderr)
    expect(exchanges.length).toBeGreaterThanOrEqual(MANY)
    expect(new Set(exchanges)).toEqual(new Set([ML_KEM]))
  })

  it('logs in a hundred times in a row', async () => {
    const attached = await start()
    for (let round = 0; round < 100; round += 1)
      expect(await peer.ssh(loginTo(attached), [], `round ${round}`)).toMatchObject({
        stdout: `round ${round}`,
        status: 0,
      })
  })
})

describe('sshd of OpenSSH 10 as the device', () => {
  async function start(config: readonly string[] = []) {
    const hostKey = await makeSshKey(keys.path, 'ed25519', `host-${Math.random()}`)
    const bridge: RunningBridge = own(
      await startBridge({
        credentials: { default: { username: 'root', 'private-key': key.path } },
        devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey] }],
        users: [opsUser()],
      }),
    )
    const device = await peer.callHome({
      bridge: { host: bridge.host, port: bridge.callHomePort },
      deviceId: 'switch1',
      hostKey,
      userKey: key,
      netconf: byteSubsystem.echo(),
      config,
    })
    own({ stop: device.hangUp })
    await bridge.logged(/^link attached/, { deviceId: 'switch1' })
    return { bridge, device }
  }

  async function echoed({ bridge }: { readonly bridge: RunningBridge }, bytes: number): Promise<number> {
    const client = await logIn(bridge, 'switch1')
    own({ stop: () => void client.end() })
    const channel = await openNetconf(client)
    let heard = 0
    const all = new Promise<void>((resolve) => {
      channel.on('data', (chunk: Buffer) => {
        heard += chunk.length
        if (heard >= bytes) resolve()
      })
    })
    channel.write(Buffer.alloc(bytes, 'x'))
    await all
    return heard
  }

  it('agrees on ML-KEM with the bridge', async () => {
    const attached = await start()
    expect(await echoed(attached, 1000)).toBe(1000)
    expect(exchangesOf(attached.device.log.all.join('\n'))).toEqual([ML_KEM])
  })

  it('exchanges keys anew in the middle of three megabytes', async () => {
    const attached = await start(['RekeyLimit 500K'])
    expect(await echoed(attached, 3 * 1024 * 1024)).toBe(3 * 1024 * 1024)
    const exchanges = exchangesOf(attached.device.log.all.join('\n'))
    expect(exchanges.length).toBeGreaterThan(5)
    expect(new Set(exchanges)).toEqual(new Set([ML_KEM]))
  })

  it('exchanges keys three hundred times in a row', async () => {
    const attached = await start([`RekeyLimit ${REKEY_BYTES}`])
    expect(await echoed(attached, BYTES_FOR_MANY)).toBe(BYTES_FOR_MANY)
    const exchanges = exchangesOf(attached.device.log.all.join('\n'))
    expect(exchanges.length).toBeGreaterThanOrEqual(MANY)
    expect(new Set(exchanges)).toEqual(new Set([ML_KEM]))
  })

  it('is served classically where it offers nothing else', async () => {
    const attached = await start(['KexAlgorithms ecdh-sha2-nistp256'])
    expect(await echoed(attached, 1000)).toBe(1000)
  })
})

/** A server of SSH as it is without a post-quantum key exchange; whoever comes gets in, and an empty session. */
async function startClassicalServer(): Promise<{ readonly port: number; readonly stop: () => void }> {
  const server = new ssh2.Server({ hostKeys: [generatePrivateKey('ed25519', 'test')] }, (connection) => {
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => context.accept())
    connection.on('session', (accept) => {
      accept().on('subsystem', (take) => {
        const channel = take()
        channel.exit(0)
        channel.end()
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { port, stop: () => void server.close() }
}
