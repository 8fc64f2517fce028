import { once } from 'node:events'
import ssh2, { type Connection, type ServerChannel, type TcpipRequestInfo } from 'ssh2'
import { afterEach, describe, expect, it } from 'vitest'
import type { DeviceChannel, Link } from '../../../src/fleet/link.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { refuseChannel } from '../../../src/ssh/ssh2/channels.js'
import { openTrustedLink } from '../support/trusted-link.js'
import { openSocketPair, type SocketPair } from '../support/socket-pair.js'

/** A device's answer to a channel for one of its ports, the first asked for being number 1. */
type Answer = (
  asked: TcpipRequestInfo & { readonly number: number },
  channel: {
    readonly connection: Connection
    readonly accept: () => ServerChannel
    readonly reject: () => void
  },
) => void

let sockets: SocketPair | undefined
afterEach(() => sockets?.stop())

async function linkTo(answer: Answer, channelOpenTimeout = 10_000): Promise<Link> {
  sockets = await openSocketPair()
  const server = new ssh2.Server({ hostKeys: [hostKey] })
  server.on('connection', (connection: Connection) => {
    let number = 0
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => context.accept())
    connection.on('session', (_accept, reject) => reject())
    connection.on('tcpip', (accept, reject, asked) => {
      number += 1
      answer({ ...asked, number }, { connection, accept, reject })
    })
  })
  server.injectSocket(sockets.device)
  return openTrustedLink(sockets.bridge, { channels: { channelOpenTimeout, channelCloseTimeout: 50 } })
}

const hostKey = generatePrivateKey('ed25519', 'device')

/** What ssh2 writes packets with, of the device's end. */
const protocolOf = (connection: Connection) =>
  (
    connection as unknown as {
      readonly _protocol: {
        readonly channelOpenConfirm: (to: number, from: number, window: number, packet: number) => void
        readonly channelOpenFail: (to: number, reason: number, words: string) => void
        readonly channelData: (to: number, bytes: Buffer) => void
        readonly channelClose: (to: number) => void
      }
    }
  )['_protocol']

async function opened(link: Link): Promise<DeviceChannel> {
  const opening = await link.openChannel({ kind: 'tcp', port: 443 })
  if (!opening.ok) throw new Error(opening.message)
  opening.channel.stream.on('error', () => undefined)
  return opening.channel
}

describe("a channel to a port of a device's own", () => {
  it('is asked for on the loopback of the device, by nobody in particular', async () => {
    const asked: TcpipRequestInfo[] = []
    const link = await linkTo((given, { accept }) => {
      asked.push(given)
      accept().end('from the device')
    })
    const { stream, closed } = await opened(link)
    const [bytes] = (await once(stream, 'data')) as [Buffer]
    stream.resume()
    expect(bytes.toString()).toBe('from the device')
    expect(await closed).toEqual({})
    expect(asked).toMatchObject([{ destIP: '127.0.0.1', destPort: 443, srcIP: '127.0.0.1', srcPort: 0 }])
  })

  it('is asked for on ::1 where nothing listens on 127.0.0.1', async () => {
    const hosts: string[] = []
    const link = await linkTo(({ destIP }, { accept, reject }) => {
      hosts.push(destIP)
      if (destIP === '::1') accept()
      else reject()
    })
    await opened(link)
    expect(hosts).toEqual(['127.0.0.1', '::1'])
  })

  it.each(['prohibited', 'unknown-type'] as const)('that is %s is asked for once', async (failure) => {
    let asked = 0
    const link = await linkTo((_given, { connection, reject }) => {
      asked += 1
      refuseChannel(connection, reject, { failure, why: 'no\n\u001B[31m' })
    })
    const opening = await link.openChannel({ kind: 'tcp', port: 443 })
    expect(opening).toMatchObject({ ok: false, cause: failure, message: 'no\\u{a}\\u{1b}[31m' })
    expect(asked).toBe(1)
  })

  it.each(['connect-failed', 'shortage'] as const)(
    'that is refused as %s on both could not be connected',
    async (failure) => {
      let asked = 0
      const link = await linkTo((_given, { connection, reject }) => {
        asked += 1
        refuseChannel(connection, reject, { failure, why: '' })
      })
      const opening = await link.openChannel({ kind: 'tcp', port: 443 })
      expect(opening).toMatchObject({ ok: false, cause: 'connect-failed', message: 'no reason' })
      expect(asked).toBe(2)
    },
  )

  it('that is not answered is told of in time, takes no session, and is closed when it is opened after all', async () => {
    let late: (() => ServerChannel) | undefined
    const link = await linkTo((_given, { accept }) => {
      late = accept
    }, 50)
    const losses: unknown[] = []
    link.onChannelLost((loss) => void losses.push(loss))
    const opening = await link.openChannel({ kind: 'tcp', port: 443 })
    if (opening.ok) throw new Error('it was opened')
    expect(opening).toMatchObject({ cause: 'unanswered', message: 'it did not answer for 0.05 s' })
    let answered = false
    void opening.answered?.then(() => {
      answered = true
    })
    const channel = late?.()
    if (channel === undefined) throw new Error('it was not asked for')
    channel.resume()
    await once(channel, 'close')
    await opening.answered
    expect(answered).toBe(true)
    expect([link.lostChannels(), losses]).toEqual([0, []])
  })

  it('that is not answered, and refused after all, is over as well', async () => {
    let late: (() => void) | undefined
    const link = await linkTo((_given, { reject }) => {
      late = reject
    }, 50)
    const opening = await link.openChannel({ kind: 'tcp', port: 443 })
    late?.()
    await (opening.ok ? undefined : opening.answered)
  })

  it.each([
    ['opened twice', 'confirm'],
    ['opened and then refused', 'fail'],
    ['opened, with data for a channel that is not there', 'data'],
    ['opened, with a close of one that is not there', 'close'],
  ])('%s is one channel, and the link goes on', async (_what, then) => {
    const link = await linkTo(({ number }, { connection, accept }) => {
      const channel = accept()
      channel.on('error', () => undefined)
      const ours = (channel as unknown as { readonly outgoing: { readonly id: number } }).outgoing.id
      const protocol = protocolOf(connection)
      if (number === 1) {
        if (then === 'confirm') protocol.channelOpenConfirm(ours, 77, 1000, 1000)
        if (then === 'fail') protocol.channelOpenFail(ours, 1, 'no')
        if (then === 'data') protocol.channelData(ours + 50, Buffer.from('x'))
        if (then === 'close') protocol.channelClose(ours + 50)
      }
      channel.pipe(channel)
    })
    for (let round = 0; round < 2; round += 1) {
      const { stream } = await opened(link)
      stream.write('echo')
      const [bytes] = (await once(stream, 'data')) as [Buffer]
      expect(bytes.toString()).toBe('echo')
    }
  })

  it('that is asked for when the link ends ends with it', async () => {
    const link = await linkTo((_given, { connection }) => void connection.end())
    expect(await link.openChannel({ kind: 'tcp', port: 443 })).toMatchObject({ ok: false, cause: 'link-closed' })
    await link.ended
    expect(await link.openChannel({ kind: 'tcp', port: 443 })).toMatchObject({ ok: false, cause: 'link-closed' })
  })

  it('that the device does not close is nobody else’s loss', async () => {
    const link = await linkTo((_given, { accept }) => {
      const channel = accept()
      // As a service that reads nothing: the device's close waits for it.
      channel.pause()
      ;(channel as { close: () => void }).close = () => undefined
    })
    const channel = await opened(link)
    let over = false
    void channel.closed.then(() => {
      over = true
    })
    channel.close()
    await link.probe()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect([link.lostChannels(), over]).toEqual([0, false])
    link.end({ reason: 'disconnected', message: 'by a test' })
    channel.stream.resume()
    await channel.closed
  })
})
