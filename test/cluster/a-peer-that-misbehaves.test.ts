import { once } from 'node:events'
import { connect } from 'node:net'
import type { ClientChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { dialPeer } from '../../src/cluster/dial-peer.js'
import { PEER_LIMITS } from '../../src/cluster/peer-limits.js'
import { MAX_ASK_LENGTH, MAX_LINE_LENGTH, type SessionNo } from '../../src/cluster/peer-messages.js'
import { controlCommand } from '../../src/cluster/read-peer-command.js'
import { createKeepalive } from '../../src/ssh/keepalive.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { makeLink } from '../fleet/support/hand-made-link.js'
import { rekey } from '../ssh/support/ssh-pair.js'
import { makeClusterKeys } from './support/cluster-keys.js'
import { loggedLines, startNode, type TestNode } from './support/test-node.js'
import { twoFleets } from './support/two-fleets.js'
import { eventually } from './support/eventually.js'

const own = endAfterEach()

/** A node b, and a connection of node a to it on which a test says what it likes. */
async function strangePeer(limits: Parameters<typeof startNode>[0]['limits'] = {}) {
  const keys = own(makeClusterKeys())
  const b = own(await startNode({ identity: await keys.identity('b'), limits }))
  const connection = async () => {
    const dialled = await dialPeer({
      node: 'b',
      address: `127.0.0.1:${b.port}`,
      identity: await keys.identity('a'),
      limits: PEER_LIMITS,
      keepalive: createKeepalive(),
      signal: new AbortController().signal,
    })
    if (!dialled.ok) throw new Error(dialled.refusal.message)
    own({ stop: () => dialled.peer.end(STOPPED) })
    return dialled.peer
  }
  return { keys, b, connection, peer: await connection() }
}

const STOPPED = { reason: 'stopping', message: 'the test is over', hint: '' } as const

function exec(peer: Awaited<ReturnType<typeof strangePeer>>['peer'], command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) =>
    peer.client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error))),
  )
}

const life = { node: 'a', incarnation: 3 }
const hello = { ...life, type: 'hello', part: 0, last: true, version: 'test', state: 'up', links: [] }

async function control(peer: Awaited<ReturnType<typeof strangePeer>>['peer']): Promise<ClientChannel> {
  const channel = await exec(peer, controlCommand(life))
  channel.on('error', () => undefined).resume()
  channel.stderr.resume()
  return channel
}

const refusal = (node: TestNode, reason: string) =>
  eventually(() => {
    const line = loggedLines(node).find((one) => one['reason'] === reason)
    if (line === undefined) throw new Error(`nothing says ${reason}`)
    return line
  })

describe('what a peer says on its control channel', () => {
  it('comes in pieces, with what is not known yet, and is read all the same', async () => {
    const { b, peer } = await strangePeer()
    const channel = await control(peer)
    const text = [
      { ...hello, colour: 'blue' },
      { type: 'song', verses: 3 },
      { type: 'ping' },
      { type: 'draining', mood: 'calm' },
      { type: 'kill', sessionId: 's1', by: 'käthe' },
    ]
      .map((message) => `${JSON.stringify(message)}\n`)
      .join('')
    for (const byte of Buffer.from(text)) channel.write(Buffer.of(byte))
    await eventually(() => expect(b.told.length).toBe(3))
    expect(b.told).toEqual([
      [life, hello],
      [life, { type: 'draining' }],
      [life, { type: 'kill', sessionId: 's1', by: 'käthe' }],
    ])
    expect(b.peers.reached('a')).toEqual(life)
  })

  it('is heard over a new key exchange, in which it has to show the same certificate', async () => {
    const { b, peer } = await strangePeer()
    const channel = await control(peer)
    channel.write(`${JSON.stringify(hello)}\n`)
    await eventually(() => expect(b.seen).toEqual(['+a']))
    for (let time = 0; time < 3; time += 1) {
      const exchanged = once(peer.client, 'handshake')
      rekey(peer.client)
      channel.write('{"type":"draining"}\n')
      await exchanged
    }
    await eventually(() => expect(b.told.length).toBe(4))
  })

  it('is nothing without the end of its line, and nothing holds on when it breaks off', async () => {
    const { b, peer } = await strangePeer()
    const channel = await control(peer)
    channel.write(`${JSON.stringify(hello)}\n{"type":"drai`)
    await eventually(() => expect(b.seen).toEqual(['+a']))
    peer.end(STOPPED)
    await eventually(() => expect(b.seen).toEqual(['+a', '-a']))
    expect(b.told).toEqual([[life, hello]])
    await eventually(() => expect(b.peers.counts().accepted).toBe(0))
  })

  it.each([
    ['no JSON', 'nonsense'],
    ['no message', '[1, 2]'],
    ['half a message', '{"type":"claimed","deviceId":"router1"}'],
    ['a message of wrong members', '{"type":"claimed","deviceId":"router1","epoch":-1,"provenAt":"now"}'],
    [
      'a hello of too many devices',
      JSON.stringify({
        ...hello,
        links: Array.from({ length: 1001 }, () => ({ deviceId: 'r', epoch: 1, provenAt: 1 })),
      }),
    ],
    ['bytes', '\u0000\u0001\u001b[2J'],
  ])('that is %s ends the connection, and the log has it without harm', async (_name, line) => {
    const { b, peer } = await strangePeer()
    const channel = await control(peer)
    channel.write(`${line}\n`)
    const why = await peer.ended
    expect(why.message).toMatch(/which is no message/)
    const logged = await refusal(b, 'malformed-line')
    expect(JSON.stringify(logged['msg'])).not.toContain('\\u001b')
    expect(b.told).toEqual([])
  })

  it('is at most so long, however it comes', async () => {
    const { b, peer } = await strangePeer()
    const channel = await control(peer)
    for (let sent = 0; sent <= MAX_LINE_LENGTH; sent += 65_536) channel.write(Buffer.alloc(65_536, 'x'))
    await peer.ended
    await refusal(b, 'line-too-long')
  })

  it('is of its own life: neither of another node nor of an earlier start, nor said twice', async () => {
    const { b, peer, connection } = await strangePeer()
    await exec(peer, controlCommand({ node: 'c', incarnation: 1 }))
    await peer.ended
    await refusal(b, 'malformed-line')
    const second = await connection()
    ;(await control(second)).write(`${JSON.stringify(hello)}\n`)
    await eventually(() => expect(b.seen).toEqual(['+a']))
    const earlier = await connection()
    await exec(earlier, controlCommand({ node: 'a', incarnation: 2 }))
    await earlier.ended
    await refusal(b, 'too-many-of-node')
    expect(b.peers.reached('a')).toEqual(life)
    await exec(second, controlCommand(life))
    await second.ended
    await eventually(() => expect(b.seen).toEqual(['+a', '-a']))
  })

  it('is the last word where the node was started again while its old connection was half open', async () => {
    const { b, peer, connection } = await strangePeer()
    ;(await control(peer)).write(`${JSON.stringify(hello)}\n`)
    await eventually(() => expect(b.seen).toEqual(['+a']))
    const again = await connection()
    const later = { node: 'a', incarnation: 4 }
    const channel = await exec(again, controlCommand(later))
    channel.resume()
    await peer.ended
    expect(b.peers.reached('a')).toBeUndefined()
    channel.write(`${JSON.stringify({ ...hello, ...later })}\n`)
    await eventually(() => expect(b.seen).toEqual(['+a', '-a', '+a']))
    expect(b.peers.reached('a')).toEqual(later)
  })

  it('is no more than a few connections', async () => {
    const { b, peer, connection } = await strangePeer({ maxConnectionsPerNode: 2 })
    await connection()
    await connection()
    await peer.ended
    await refusal(b, 'too-many-of-node')
    await eventually(() => expect(b.peers.counts().accepted).toBe(2))
  })
})

/** What a node says on a channel before it ends it. */
async function answerOf(channel: ClientChannel): Promise<{ readonly no: SessionNo; readonly exit: unknown[] }> {
  const parts: Buffer[] = []
  channel.stderr.on('data', (part: Buffer) => parts.push(part))
  channel.resume()
  const exited = once(channel, 'close') as Promise<unknown[]>
  const exit = await exited
  return { no: JSON.parse(Buffer.concat(parts).toString()) as SessionNo, exit }
}

const ask = (more: object = {}) => ({
  v: 1,
  deviceId: 'router1',
  owner: { node: 'b', incarnation: 1, epoch: 1 },
  request: { kind: 'subsystem', name: 'netconf' },
  client: { user: 'ops', source: 'test', via: 'ssh' },
  sessionId: 's1',
  wait: 100,
  ...more,
})

describe('what a peer asks for', () => {
  it.each<[string, string]>([
    ['no JSON', 'rm -rf /'],
    ['a line of half its members', JSON.stringify({ v: 1, deviceId: 'router1' })],
    ['a request that there is not', JSON.stringify(ask({ request: { kind: 'x11' } }))],
    ['a port that there is not', JSON.stringify(ask({ request: { kind: 'tcp', port: 70_000 } }))],
    [
      'modes that are no base64',
      JSON.stringify(
        ask({
          request: { kind: 'shell', terminal: { type: 'x', columns: 1, rows: 1, width: 0, height: 0, modes: '!' } },
        }),
      ),
    ],
    [
      'a longer line than may be',
      JSON.stringify(ask({ deviceId: 'x'.repeat(MAX_ASK_LENGTH) })).slice(0, MAX_ASK_LENGTH + 100),
    ],
  ])('as %s is refused, and the connection goes on', async (_name, command) => {
    const { b, peer } = await strangePeer()
    ;(await control(peer)).write(`${JSON.stringify(hello)}\n`)
    const { no, exit } = await answerOf(await exec(peer, command))
    expect(no).toMatchObject({ reason: 'older-version', retry: false })
    expect(exit).toEqual([null, 'SIGHOMEPORT', false, expect.any(String)])
    expect(b.asks).toEqual([])
    await eventually(() => expect(b.seen).toEqual(['+a']))
  })

  it('before it has said who it is, is refused', async () => {
    const { b, peer } = await strangePeer()
    expect((await answerOf(await exec(peer, JSON.stringify(ask())))).no.reason).toBe('older-version')
    expect(b.asks).toEqual([])
  })

  it('is read with what a newer node adds', async () => {
    const { b, peer } = await strangePeer()
    await control(peer)
    const { no } = await answerOf(await exec(peer, JSON.stringify(ask({ priority: 'high' }))))
    expect(no.reason).toBe('not-connected')
    expect(b.asks).toEqual([ask()])
  })

  it('is a session or its control channel, and nothing else', async () => {
    const { peer } = await strangePeer()
    await control(peer)
    const shell = await new Promise((resolve) => peer.client.shell(resolve))
    const sftp = await new Promise((resolve) => peer.client.sftp(resolve))
    const forward = await new Promise((resolve) => peer.client.forwardOut('127.0.0.1', 1, '127.0.0.1', 22, resolve))
    for (const error of [shell, sftp, forward]) expect(error).toBeInstanceOf(Error)
  })

  it('is at most so many sessions on a connection', async () => {
    const { peer } = await strangePeer({ maxSessionsPerConnection: 3 })
    await control(peer)
    const asked = await Promise.allSettled(
      Array.from({ length: 5 }, () => exec(peer, JSON.stringify(ask({ wait: 0 })))),
    )
    expect(asked.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0)
  })
})

describe('a node that asks', () => {
  it('is told where the device is not what it was asked for by, and what the owner has', async () => {
    const two = own(await twoFleets(makeLink()))
    const opening = await two.open({ kind: 'shell' }, { epoch: 2 })
    expect(opening).toMatchObject({ ok: false, cause: 'refused', no: { reason: 'not-here', retry: true } })
    expect(await two.open({ kind: 'shell' }, { incarnation: 9 })).toMatchObject({ no: { reason: 'not-here' } })
    expect(await two.open({ kind: 'shell' }, { deviceId: 'router9' })).toMatchObject({
      no: { reason: 'unknown-device' },
    })
  })

  it('for more than an ask may hold is told so here', async () => {
    const two = own(await twoFleets(makeLink()))
    const opening = await two.open({ kind: 'exec', command: `echo ${'x'.repeat(MAX_ASK_LENGTH)}` })
    expect(opening).toMatchObject({ ok: false, cause: 'refused', no: { reason: 'ask-too-long' } })
    expect(two.b.asks).toEqual([])
  })

  it('for a terminal hears that the device gave none', async () => {
    const answered = makeLink({
      answer: async () => {
        const plain = await makeLink().openChannel({ kind: 'shell' })
        return plain.ok ? { ok: true, channel: { ...plain.channel, terminalRefused: true } } : plain
      },
    })
    const two = own(await twoFleets(answered))
    const terminal = { type: 'vt100', columns: 80, rows: 24, width: 0, height: 0, modes: Buffer.of(0) }
    const opening = await two.open({ kind: 'shell', terminal })
    expect(opening).toMatchObject({ ok: true, channel: { terminalRefused: true } })
    expect(await two.open({ kind: 'shell' })).toMatchObject({ ok: true })
  })

  it('hears the reason when the link of the device ends, and nothing of a device speaks for its node', async () => {
    const link = makeLink()
    const two = own(await twoFleets(link))
    const opening = await two.open({ kind: 'shell' })
    if (!opening.ok) throw new Error('no session')
    opening.channel.stream.resume()
    opening.channel.standardError.resume()
    link.end({ reason: 'replaced', message: 'the device dialled in again from 192.0.2.9:1' })
    expect(await opening.channel.closed).toEqual({})
    expect(opening.channel.linkEnd()).toEqual({
      reason: 'replaced',
      message: 'the device dialled in again from 192.0.2.9:1',
    })

    const speaking = makeLink({
      answer: async () => {
        const plain = await makeLink().openChannel({ kind: 'shell' })
        if (!plain.ok) return plain
        const exit = { signal: 'HOMEPORT', message: '{"reason":"shutdown","message":"give up"}' }
        plain.channel.stream.end()
        return {
          ok: true,
          channel: { ...plain.channel, closed: Promise.resolve({ exit }), exited: Promise.resolve(exit) },
        }
      },
    })
    const others = own(await twoFleets(speaking))
    const lied = await others.open({ kind: 'shell' })
    if (!lied.ok) throw new Error('no session')
    lied.channel.stream.resume()
    lied.channel.standardError.resume()
    expect(await lied.channel.closed).toMatchObject({ exit: { signal: 'HOMEPORT@device' } })
    expect(lied.channel.linkEnd()).toBeUndefined()
  })

  it('hears when an operator of the owner kills the session', async () => {
    const two = own(await twoFleets(makeLink()))
    const opening = await two.open({ kind: 'shell' })
    if (!opening.ok) throw new Error('no session')
    opening.channel.stream.resume()
    opening.channel.standardError.resume()
    const [session] = await two.b.fleet.sessions()
    expect(session?.client).toEqual({ user: 'ops', source: '192.0.2.1:40000', via: 'ssh', node: 'a' })
    expect(await two.b.fleet.endSession(session?.id ?? '', 'alice')).toBe(true)
    await opening.channel.closed
    expect(opening.channel.linkEnd()).toEqual({ reason: 'disconnected', message: 'session killed by alice' })
  })
})

describe('a port of nodes that is dialled by many', () => {
  it('has no connection left of those that hung up in the middle', async () => {
    const { b } = await strangePeer()
    for (const part of ['', 'SSH-2.0-x\r\n', 'SSH-2.0-x\r\n\0\0\x02\x54\x0a', 'x'.repeat(300)]) {
      const socket = connect(b.port, '127.0.0.1').on('error', () => undefined)
      await once(socket, 'connect')
      socket.end(part)
      await once(socket.resume(), 'close')
    }
    await eventually(() => expect(b.peers.counts().accepted).toBe(1))
  })
})
