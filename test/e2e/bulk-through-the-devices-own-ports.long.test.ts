import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { byteSubsystem, deterministicBytes, expectedHash } from './parts/byte-subsystem.js'
import { run } from './parts/clients.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir } from './parts/temp-dir.js'
import { startAttachedDevice } from './support/attached-device.js'
import { way } from './support/jump.js'
import { ownPortsConfig, startOwnSshd } from './support/own-sshd.js'
import { endAfterEach } from './support/resources.js'
import { login } from './support/test-client.js'
import { opsUser } from './support/users.js'

const MiB = 1024 * 1024
const own = endAfterEach()

/** A bridge whose user `ops` may reach these ports of the device itself. */
async function attachedWith(forwards: readonly number[], authorizedKeys: readonly string[] = []) {
  return own(
    await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      config: {
        users: [opsUser({ 'authorized-keys': authorizedKeys })],
        roles: { operator: { devices: ['*'], operations: ['*'], forwards } },
      },
    }),
  )
}

/** A service on the loopback of the device. */
async function service(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    serve(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  own({
    stop: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  })
  return (server.address() as AddressInfo).port
}

describe("bulk through a device's own ports", () => {
  it('100 MiB by scp, there and back, end to end', async () => {
    const room = await makeTempDir('own-ports-bulk')
    own({ stop: room.remove })
    const key = await makeSshKey(room.path, 'ed25519', 'client')
    const sshd = own(await startOwnSshd(room.path, key))
    const { bridge } = await attachedWith([sshd.port], [key.publicKey])
    const knownHosts = join(room.path, 'known_hosts')
    await writeFile(knownHosts, `[self.router1]:${sshd.port} ${sshd.hostKey.publicKey}\n`)
    const config = join(room.path, 'ssh_config')
    await writeFile(config, ownPortsConfig({ bridgePort: bridge.endpointPort, user: 'ops', key, knownHosts }))
    const [here, there, back] = ['here', 'there', 'back'].map((name) => join(room.path, name))
    await writeFile(here ?? '', deterministicBytes(100 * MiB))
    const scp = (...paths: readonly string[]) =>
      run(['scp', '-q', '-F', config, '-J', 'bridge', '-P', String(sshd.port), ...paths], {})
    expect(await scp(here ?? '', `self.router1:${there}`).ended(120_000)).toMatchObject({ status: 0 })
    expect(await scp(`self.router1:${there}`, back ?? '').ended(120_000)).toMatchObject({ status: 0 })
    const hash = createHash('sha256')
      .update(await readFile(back ?? ''))
      .digest('hex')
    expect(hash).toBe(expectedHash(100 * MiB))
  }, 300_000)

  it('is held back by a client that reads nothing, and by a service that reads nothing', async () => {
    const flooding = await service((socket) => {
      const chunk = Buffer.alloc(MiB)
      const pour = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', pour)
      pour()
    })
    const deaf = await service((socket) => void socket.pause())
    const { bridge } = await attachedWith([flooding, deaf])
    const client = own(await login(bridge, '', { username: 'ops' }))
    const reading = await way(client, 'self.router1', flooding)
    let left = 64 * MiB
    await new Promise<void>((resolve) => {
      reading.on('data', (bytes: Buffer) => {
        left -= bytes.length
        if (left <= 0) resolve()
      })
    })
    const before = await bridge.residentMemory()
    reading.pause()
    const writing = await way(client, 'self.router1', deaf)
    let written = 0
    const chunk = Buffer.alloc(MiB)
    while (writing.write(chunk) && written < 64) written += 1
    // Others have their turn meanwhile.
    const other = await way(client, 'self.router1', flooding)
    left = 64 * MiB
    await new Promise<void>((resolve) => {
      other.on('data', (bytes: Buffer) => {
        left -= bytes.length
        if (left <= 0) resolve()
      })
    })
    expect((await bridge.residentMemory()) - before).toBeLessThan(24 * MiB)
    client.destroy()
    await bridge.logged(/^session closed/, { channel: 'tcp', port: flooding, endedBy: 'client' })
    const { sessions } = JSON.parse(await listed(bridge.directory)) as { readonly sessions: readonly object[] }
    expect(sessions.length).toBeLessThanOrEqual(1)
  }, 120_000)
})

/** What the bridge says of its sessions. */
async function listed(directory: string): Promise<string> {
  const curl = run(
    ['curl', '--silent', '--unix-socket', join(directory, 'data/homeport.sock'), 'http://localhost/api/v1/sessions'],
    {},
  )
  return (await curl.ended()).stdout.toString()
}
