import { once } from 'node:events'
import type { Socket } from 'node:net'
import ssh2, { type Client, type ClientChannel } from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { publicKeyLine } from '../../src/ssh/public-key.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startNarrowPath } from './parts/haproxy.js'
import { waitFor, within } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { endAfterEach } from './support/resources.js'
import { closeOf, login, openCommand, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const MiB = 1024 * 1024
const own = endAfterEach()

/** What a client of ssh2 can be made to send against the rules. */
type Insides = {
  readonly _sock: Socket
  readonly _protocol: {
    readonly ping: () => void
    readonly authPassword: (user: string, password: string) => void
    readonly authPK: (user: string, key: unknown) => void
    readonly channelData: (channel: number, data: Buffer) => void
    readonly channelEOF: (channel: number) => void
    readonly channelClose: (channel: number) => void
    readonly channelWindowAdjust: (channel: number, bytes: number) => void
    readonly session: (channel: number, window: number, packetSize: number) => void
    readonly subsystem: (channel: number, name: string, wantReply: boolean) => void
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number
        readonly alloc: (size: number) => Buffer
        readonly finalize: (packet: Buffer) => Buffer
      }
    }
    readonly _cipher: { readonly encrypt: (packet: Buffer) => void }
  }
}
const inside = (client: Client): Insides => client as unknown as Insides
const idOf = (channel: ClientChannel): number =>
  (channel as unknown as { readonly outgoing: { readonly id: number } }).outgoing.id

describe('a hostile client harms nobody but itself', () => {
  const key = generatePrivateKey('ed25519', 'client')
  let attached: AttachedDevice

  beforeAll(async () => {
    const parsed = ssh2.utils.parseKey(key)
    if (parsed instanceof Error) throw parsed
    const line = publicKeyLine({ type: parsed.type, blob: parsed.getPublicSSH() })
    attached = await startAttachedDevice({
      netconf: 'any',
      device: {
        config: [
          `ForceCommand case "$SSH_ORIGINAL_COMMAND" in netconf) ${byteSubsystem.echo()};; *) ${byteSubsystem.deaf()};; esac`,
        ],
      },
      config: { users: [opsUser({ 'authorized-keys': [line] })] },
    })
  })
  afterAll(() => attached?.stop())

  afterEach(async () => {
    expect(attached.bridge.process.exitCode).toBeNull()
    const client = await login(attached.bridge, 'router1')
    const channel = await openCommand(client, 'netconf')
    const echoed = once(channel, 'data')
    channel.write('still served')
    expect(String(await echoed)).toBe('still served')
    client.end()
  })

  it('authentication attempts of several kinds at once, none waited for', async () => {
    const client = new ssh2.Client()
    client.on('error', () => undefined)
    const closed = closeOf(client)
    client.connect({
      host: attached.bridge.host,
      port: attached.bridge.endpointPort,
      username: 'ops@router1',
      authHandler: (_left, _partial, next) => {
        const { _protocol: protocol } = inside(client)
        for (let round = 0; round < 3; round += 1) {
          protocol.authPassword('ops@router1', 'wrong')
          protocol.authPK('ops@router1', key)
        }
        next({ type: 'password', username: 'ops@router1', password: 'wrong' })
      },
    })
    await within(10_000, 'the connection to be closed', closed)
  })

  it('more data than the window allows, to a device that reads none', async () => {
    const before = await attached.bridge.residentMemory()
    const client = own(await login(attached.bridge, 'router1'))
    const channel = await openNetconf(client)
    const closed = closeOf(client)
    // Not a divisor of the window: ssh2 drops data at a window of exactly nothing, and keeps it below.
    const chunk = Buffer.alloc(30_001)
    const flood = setInterval(() => {
      for (let at = 0; at < 64; at += 1) inside(client)._protocol.channelData(idOf(channel), chunk)
    }, 1)
    await within(20_000, 'the connection to be closed', closed).finally(() => clearInterval(flood))
    expect((await attached.bridge.residentMemory()) - before).toBeLessThan(32 * MiB)
  })

  it('requests without end whose answers it hardly reads', async () => {
    const { host, endpointPort } = attached.bridge
    const path = own(await startNarrowPath({ host, port: endpointPort }))
    const client = own(await login(attached.bridge, 'router1', { host: '127.0.0.1', port: path.port }))
    const { _protocol: protocol, _sock: socket } = inside(client)
    const gone = waitFor('the bridge to hang up', () => !socket.writable || socket.destroyed, 30_000)
    socket.pause()
    const sips = setInterval(() => socket.once('data', () => socket.pause()).resume(), 100)
    const from = attached.bridge.lines.all.length
    const flood = setInterval(() => {
      if (socket.writableLength < MiB) for (let at = 0; at < 5_000; at += 1) protocol.ping()
    }, 1)
    await Promise.race([attached.bridge.logged(/^client disconnected/, {}, { from, timeoutMs: 30_000 }), gone]).finally(
      () => [flood, sips].forEach(clearInterval),
    )
    socket.resume()
  })

  it('channel messages in the wrong order, for channels that there are not, and windows beyond all bounds', async () => {
    const client = own(await login(attached.bridge, 'router1'))
    const channel = await openCommand(client, 'netconf')
    const { _protocol: protocol } = inside(client)
    const id = idOf(channel)
    for (let at = 0; at < 3; at += 1) protocol.channelWindowAdjust(id, 2 ** 32 - 1)
    for (const unknown of [7, 4_000_000_000]) {
      protocol.channelData(unknown, Buffer.from('x'))
      protocol.channelEOF(unknown)
      protocol.channelClose(unknown)
    }
    protocol.subsystem(id, 'netconf', true)
    for (let at = 0; at < 2; at += 1) protocol.channelEOF(id)
    for (let at = 0; at < 2; at += 1) protocol.channelClose(id)
    protocol.channelData(id, Buffer.from('after the close'))
    protocol.session(900, 0, 0)
    protocol.session(901, 1, 1)
    protocol.session(902, 2 ** 32 - 1, 2 ** 32 - 1)
    await attached.bridge.logged(/^session closed/)
  })

  it('a packet size of one octet', async () => {
    const client = own(await login(attached.bridge, 'router1'))
    const { _protocol: protocol } = inside(client)
    const from = attached.bridge.lines.all.length
    protocol.session(0, 1_000_000, 1)
    protocol.subsystem(0, 'sftp', true)
    await attached.bridge.logged(/^session refused/, {}, { from })
  })

  it('a packet of every message number with random octets', async () => {
    let seed = 20_261_123
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return seed >>> 16
    }
    for (let number = 1; number < 256; number += 1) {
      const client = await login(attached.bridge, 'router1')
      const { _protocol: protocol } = inside(client)
      const { write } = protocol._packetRW
      const payload = Buffer.from([number, ...Array.from({ length: random() % 200 }, () => random() & 0xff)])
      const packet = write.alloc(payload.length)
      packet.set(payload, write.allocStart)
      protocol._cipher.encrypt(write.finalize(packet))
      client.end()
      await closeOf(client)
    }
  })
})
