import { once } from 'node:events'
import type { ClientChannel, Connection, Session } from 'ssh2'
import ssh2 from 'ssh2'
import { describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { governFlow } from '../../src/ssh/ssh2/flow-control.js'
import { socketOf } from '../../src/ssh/ssh2/connections.js'
import { type OpenedSession, openSessionChannel } from '../../src/ssh/ssh2/open-session.js'
import type { SessionChannelRequest, Terminal } from '../../src/ssh/session-channel.js'
import { sendChannelRequest } from '../../src/ssh/ssh2/packets.js'
import { answerAfterExit, controlsOf, takeSessionRequests } from '../../src/ssh/ssh2/session-requests.js'
import { sshString, sshUint32 } from '../../src/ssh/wire.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { closeOf } from '../e2e/support/test-client.js'
import { insidesOf, rekey } from './support/ssh-pair.js'

const own = endAfterEach()

const hostKey = generatePrivateKey('ed25519', 'test')

/** ECHO off, and both speeds: what ssh2's own reading of modes would lose. */
const modes = Buffer.from([53, 0, 0, 0, 0, 128, 0, 0, 0x96, 0, 129, 0, 0, 0x96, 0, 0])
const terminal: Terminal = { type: 'xterm-256color', columns: 132, rows: 43, width: 1, height: 2, modes }
const shell: SessionChannelRequest = { kind: 'shell', terminal }

type Heard = (string | number | Terminal | object)[]

interface Server {
  readonly client: ssh2.Client
  readonly connection: Connection
  readonly session: Promise<Session>
  /** What arrived beside the request, in order. */
  readonly heard: Heard
  /** Settles once so much has arrived. */
  readonly arrived: (count: number) => Promise<void>
  readonly open: (request: SessionChannelRequest) => Promise<OpenedSession | string>
  readonly stop: () => void
}

/** A server that gives terminals as it is told, and the client of it. */
async function startServer(grant: () => boolean | Promise<boolean> = () => true): Promise<Server> {
  const heard: Heard = []
  const look = new Set<() => void>()
  const hear = (what: Heard[number]): void => {
    heard.push(what)
    for (const each of look) each()
  }
  const server = new ssh2.Server({ hostKeys: [hostKey] })
  let connection: Connection | undefined
  const session = new Promise<Session>((resolve) => {
    server.on('connection', (arrived) => {
      connection = arrived
      arrived.on('error', () => undefined)
      arrived.on('authentication', (context) => context.accept())
      arrived.on('session', (accept) => {
        const taken = accept()
        takeSessionRequests(arrived, taken, {
          terminal: (asked, answer) => {
            hear(asked)
            const granted = grant()
            // Answers go out in the order of what was asked, and the next request may be there already.
            if (typeof granted === 'boolean') answer(granted)
            else void granted.then(answer)
          },
          resize: hear,
          signal: (name) => hear(`signal ${name}`),
          sendBreak: (milliseconds) => hear(`break ${milliseconds}`),
        })
        taken.on('env', (_accept, _reject, { key, val }) => hear(`${key}=${val}`))
        for (const kind of ['shell', 'exec', 'subsystem'] as const)
          taken.on(kind as 'shell', (take) => {
            const channel = take()
            governFlow(channel)
            channel.on('error', () => undefined)
          })
        resolve(taken)
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = new ssh2.Client()
  const ready = once(client, 'ready')
  client.connect({ host: '127.0.0.1', port, username: 'any', password: 'any' })
  await ready
  client.on('error', () => undefined)
  return own({
    client,
    connection: connection as unknown as Connection,
    session,
    heard,
    arrived: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (heard.length >= count) resolve()
        }
        look.add(check)
        check()
      }),
    open: (request) =>
      new Promise((resolve) => {
        openSessionChannel(client, request, (refusal, opened) => resolve(opened ?? String(refusal?.message)))
      }),
    stop: () => {
      socketOf(client).destroy()
      server.close()
    },
  })
}

async function openedOn(server: Server, request: SessionChannelRequest): Promise<OpenedSession> {
  const opened = await server.open(request)
  if (typeof opened === 'string') throw new Error(opened)
  opened.channel.resume()
  return opened
}

const channelNumber = (channel: ClientChannel): number =>
  (channel as unknown as { readonly outgoing: { readonly id: number } }).outgoing.id

describe('what is asked beside the request for a channel', () => {
  it('arrives before it, a terminal with all of its modes', async () => {
    const server = await startServer()
    const { terminalRefused } = await openedOn(server, { ...shell, environment: [{ name: 'LANG', value: 'ö' }] })
    expect(server.heard).toEqual(['LANG=ö', terminal])
    expect(terminalRefused).toBe(false)
  })

  it('is a terminal that may be refused, and the channel is opened all the same', async () => {
    const server = await startServer(() => false)
    expect(await openedOn(server, shell)).toMatchObject({ terminalRefused: true })
    expect(await openedOn(server, { kind: 'shell' })).toMatchObject({ terminalRefused: false })
  })

  it.each([
    ['what is not defined and what follows it are left out', '3500000000c80000000135000000ff', '350000000000'],
    ['an operation counts once, as it came last', '350000000135000000000000', '350000000000'],
    ['the end is marked', '3500000000', '350000000000'],
    ['there may be none', '', '00'],
  ])('is a terminal with modes that every device can read: %s', async (_name, sent, read) => {
    const server = await startServer()
    const opened = await openedOn(server, { ...shell, terminal: { ...terminal, modes: Buffer.from(sent, 'hex') } })
    expect(opened.terminalRefused).toBe(false)
    expect(server.heard).toEqual([{ ...terminal, modes: Buffer.from(read, 'hex') }])
  })

  it.each(['01', '0102', '01000000013501'])('is no terminal where its modes are cut off: %s', async (sent) => {
    const server = await startServer()
    const opened = await openedOn(server, { ...shell, terminal: { ...terminal, modes: Buffer.from(sent, 'hex') } })
    expect(opened.terminalRefused).toBe(true)
    expect(server.heard).toEqual([])
  })

  it('is sizes, signals and breaks, also after EOF and in the midst of a key re-exchange', async () => {
    const server = await startServer()
    const { channel } = await openedOn(server, { kind: 'exec', command: 'any' })
    const { resize, signal, sendBreak } = controlsOf(channel)
    const size = { columns: 100, rows: 50, width: 0, height: 0 }
    resize(size)
    signal('USR1')
    await server.arrived(2)
    const session = await server.session
    const eof = once(session, 'eof')
    channel.end()
    await eof
    rekey(server.client)
    signal('name@example.net')
    sendBreak(500)
    resize({ ...size, rows: 51 })
    await server.arrived(5)
    expect(server.heard).toEqual([size, 'signal USR1', { ...size, rows: 51 }, 'signal name@example.net', 'break 500'])
  })

  it('without end, while nothing can be sent, costs no memory: the last size and some signals are kept', async () => {
    const server = await startServer()
    const { channel } = await openedOn(server, { kind: 'shell' })
    const { resize, signal } = controlsOf(channel)
    rekey(server.client)
    for (let rows = 1; rows <= 1000; rows += 1) {
      resize({ columns: 80, rows, width: 0, height: 0 })
      signal('INT')
    }
    await server.arrived(17)
    channel.end('x')
    await once(await server.session, 'eof')
    expect(server.heard).toEqual([
      { columns: 80, rows: 1000, width: 0, height: 0 },
      ...Array.from({ length: 16 }, () => 'signal INT'),
    ])
  })

  it('is sent to nobody once the channel or the connection is gone', async () => {
    const server = await startServer()
    const { channel } = await openedOn(server, { kind: 'shell' })
    const { resize, signal } = controlsOf(channel)
    const closed = once(channel, 'close')
    channel.close()
    await closed
    signal('INT')
    server.stop()
    resize({ columns: 1, rows: 1, width: 0, height: 0 })
    expect(server.heard).toEqual([])
  })

  it('and is malformed ends the connection, as ssh2 has it', async () => {
    const server = await startServer()
    const { channel } = await openedOn(server, { kind: 'shell' })
    const gone = closeOf(server.client)
    sendChannelRequest(insidesOf(server.client)._protocol as never, {
      recipient: channelNumber(channel),
      type: 'window-change',
      wantReply: false,
      fields: [sshUint32(1)],
    })
    await gone
    expect(server.heard).toEqual([])
  })
})

describe('a device that asks on a channel whose command has ended', () => {
  it.each([
    ['with a status', 'exit-status', [sshUint32(0)]],
    ['by a signal', 'exit-signal', [sshString('SYS'), Buffer.of(1), sshString('bad call'), sshString('')]],
  ])('%s is answered, so that it does not take the link for dead', async (_name, type, fields) => {
    const server = await startServer()
    answerAfterExit(server.client)
    const { channel } = await openedOn(server, { kind: 'exec', command: 'any' })
    const exited = once(channel, 'exit')
    const session = (await server.session) as unknown as {
      readonly _channel: { readonly _callbacks: ((failed: boolean) => void)[] }
      readonly _chanInfo: { readonly outgoing: { readonly id: number } }
    }
    const ask = (request: string, wantReply: boolean, ...rest: Buffer[]): void =>
      sendChannelRequest(insidesOf(server.connection)._protocol as never, {
        recipient: session._chanInfo.outgoing.id,
        type: request,
        wantReply,
        fields: rest,
      })
    ask(type, false, ...fields)
    await exited
    const answer = new Promise<boolean>((resolve) => session._channel._callbacks.push(resolve))
    ask('keepalive@openssh.com', true)
    expect(await answer).toBe(true)
  })
})
