import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import type { ClientChannel } from 'ssh2'
import { afterEach, describe, expect, it } from 'vitest'
import { createFleetEmitter } from '../../src/fleet/fleet-emitter.js'
import type { LinkEnd } from '../../src/fleet/link.js'
import { createSessionRegister } from '../../src/fleet/session-register.js'
import { type PortRelayEnd, relayPort } from '../../src/relay/relay-port.js'
import type { RightEnd } from '../../src/access/authz/right-end.js'
import { whenClosing } from '../../src/ssh/ssh2/channels.js'
import { governFlow } from '../../src/ssh/ssh2/flow-control.js'
import { grant, openSshPair, type SshPair } from '../ssh/support/ssh-pair.js'

const MiB = 1024 * 1024

let pairs: SshPair[] = []
afterEach(() => {
  for (const pair of pairs) pair.stop()
  pairs = []
})

/** A client's real channel on the one side, and the two ends of a stream on the other. */
async function relayed({ window }: { readonly window?: number } = {}) {
  const pair = await openSshPair()
  pairs.push(pair)
  const { server, client, clientGone } = await pair.open(window)
  governFlow(server)
  server.on('error', () => undefined)
  client.on('error', () => undefined)
  const [fromDevice, toDevice] = [new PassThrough(), new PassThrough()]
  let linkEnd: LinkEnd | undefined
  let tellClosed: () => void = () => undefined
  let closes = 0
  // As with ssh2: a channel is told to be closed once all of it was read.
  const closed = new Promise<object>((resolve) => {
    tellClosed = () => resolve({})
  })
  const stream = Duplex.from({ readable: fromDevice, writable: toDevice })
  stream.on('error', () => undefined)
  const device = {
    stream,
    standardError: new PassThrough(),
    closed,
    ended: () => false,
    terminalRefused: false,
    resize: () => undefined,
    signal: () => undefined,
    sendBreak: () => undefined,
    linkEnd: () => linkEnd,
    close: () => {
      closes += 1
    },
  }
  const register = createSessionRegister(createFleetEmitter(), Date.now)
  const asked = {
    deviceId: 'router1',
    client: { user: 'ops', source: 'test', via: 'ssh' } as const,
    request: { kind: 'tcp', port: 443 } as const,
    link: 1,
  }
  const session = register.open(asked, device)
  let endRight: (why: RightEnd) => void = () => undefined
  const rightEnded = new Promise<RightEnd>((resolve) => {
    endRight = resolve
  })
  const end: Promise<PortRelayEnd> = relayPort({
    client: server,
    device,
    session: { ...session, rightEnded },
    audit: { fromClient: () => undefined, fromDevice: () => undefined },
    clientGone: Promise.race([
      whenClosing(server),
      clientGone,
      new Promise<void>((resolve) => pair.connection.once('close', () => resolve())),
    ]),
  })
  return {
    pair,
    client,
    fromDevice,
    toDevice,
    end,
    session,
    kill: () => register.kill(session.id, 'boss'),
    endRight,
    closes: () => closes,
    closeDevice: (end?: LinkEnd) => {
      linkEnd = end
      fromDevice.end()
      stream.once('end', tellClosed)
    },
  }
}

async function readAll(channel: ClientChannel | PassThrough): Promise<Buffer> {
  const chunks: Buffer[] = []
  channel.on('data', (bytes: Buffer) => void chunks.push(bytes))
  channel.resume()
  await once(channel, 'end')
  return Buffer.concat(chunks)
}

describe("a connection to a device's own port", () => {
  it('carries every byte both ways at once, and EOF each way on its own', async () => {
    const { client, fromDevice, toDevice, end, closeDevice, session } = await relayed()
    const [there, back] = [randomBytes(3 * MiB), randomBytes(3 * MiB)]
    const arrived = readAll(toDevice)
    const answered = readAll(client)
    client.end(there)
    expect((await arrived).equals(there)).toBe(true)
    // The device answers after the client's EOF.
    fromDevice.write(back)
    closeDevice()
    expect((await answered).equals(back)).toBe(true)
    expect(await end).toEqual({ by: 'device' })
    expect(session.bytes).toEqual({ fromClient: there.length, fromDevice: back.length })
  })

  it('passes the EOF of the device on, and what the client sends afterwards', async () => {
    const { client, fromDevice, toDevice } = await relayed()
    client.resume()
    fromDevice.end('that is all')
    await once(client, 'end')
    client.write('not yet')
    const [bytes] = (await once(toDevice, 'data')) as [Buffer]
    expect(bytes.toString()).toBe('not yet')
  })

  it('does not read from the device what its client does not take', async () => {
    const { client, fromDevice, pair } = await relayed({ window: 64 * 1024 })
    let written = 0
    const chunk = Buffer.alloc(64 * 1024)
    while (fromDevice.write(chunk)) await new Promise(setImmediate)
    const pump = async (): Promise<void> => {
      for (let turn = 0; turn < 200; turn += 1) {
        if (!fromDevice.writableNeedDrain) {
          fromDevice.write(chunk)
          written += chunk.length
        }
        await new Promise(setImmediate)
      }
    }
    await pump()
    expect(written).toBeLessThan(4 * MiB)
    grant(pair.client, client, 64 * 1024)
  })

  it('does not read from the client what the device does not take', async () => {
    const { client, session, toDevice } = await relayed()
    toDevice.pause()
    client.write(randomBytes(32 * MiB))
    let seen = -1
    while (seen !== session.bytes.fromClient) {
      seen = session.bytes.fromClient
      for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    }
    expect(seen).toBeLessThan(4 * MiB)
  })

  it('gives the device the last bytes of a client that has left, and closes its channel', async () => {
    const { client, toDevice, end, closes } = await relayed()
    const bytes = randomBytes(MiB)
    client.write(bytes)
    client.end()
    client.close()
    expect((await readAll(toDevice)).equals(bytes)).toBe(true)
    expect(await end).toEqual({ by: 'client' })
    expect(closes()).toBe(1)
  })

  it('reads and drops what a device still sends to a client that has left, so that its channel closes', async () => {
    const { pair, fromDevice, end, closes } = await relayed({ window: 1024 })
    fromDevice.write(randomBytes(MiB))
    await new Promise(setImmediate)
    pair.client.destroy()
    expect(await end).toEqual({ by: 'client' })
    expect(closes()).toBe(1)
    fromDevice.end(randomBytes(MiB))
    await once(fromDevice, 'end')
  })

  it('waits for a client that reads slowly when the device has closed', async () => {
    const { client, fromDevice, closeDevice, end } = await relayed()
    client.pause()
    const bytes = randomBytes(MiB)
    fromDevice.write(bytes)
    closeDevice()
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    expect((await readAll(client)).equals(bytes)).toBe(true)
    expect(await end).toEqual({ by: 'device' })
  })

  it('is cut off at once by who kills it, with both sides stalled', async () => {
    const { client, fromDevice, toDevice, kill, end, closes } = await relayed({ window: 1024 })
    toDevice.pause()
    client.write(randomBytes(8 * MiB))
    fromDevice.write(randomBytes(8 * MiB))
    const gone = once(client, 'close')
    kill()
    expect(await end).toEqual({ by: 'operator', killedBy: 'boss' })
    expect(closes()).toBeGreaterThan(0)
    client.resume()
    await gone
  })

  it('is cut off by the end of the right to it, a client that has left and a stalled device included', async () => {
    const why: RightEnd = { reason: 'no-rights', message: 'no', hint: 'none' }
    const first = await relayed()
    first.endRight(why)
    expect(await first.end).toEqual({ by: 'rights', why })
    const second = await relayed()
    second.toDevice.pause()
    second.client.write(randomBytes(8 * MiB))
    second.client.close()
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate)
    second.endRight(why)
    expect(await second.end).toEqual({ by: 'client' })
    expect(second.closes()).toBe(1)
  })

  it('ends with its link', async () => {
    const { client, closeDevice, end } = await relayed()
    client.resume()
    const gone = once(client, 'close')
    const lost: LinkEnd = { reason: 'lost', message: 'gone' }
    closeDevice(lost)
    expect(await end).toEqual({ by: 'link', linkEnd: lost })
    await gone
  })
})
