import { once } from 'node:events'
import { createServer, type Server, type Socket, connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { AskAnswer, PeerListener } from '../../src/cluster/peers.js'
import { createFleetEmitter } from '../../src/fleet/fleet-emitter.js'
import type { DeviceChannel } from '../../src/fleet/link.js'
import { createSessionRegister } from '../../src/fleet/session-register.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { FROM_NOW, makeClusterKeys } from './support/cluster-keys.js'
import { loggedLines, startNode, type TestNode } from './support/test-node.js'
import { echoingChannel } from './support/echoing-channel.js'
import { eventually } from './support/eventually.js'

const own = endAfterEach()

/** A way between two nodes that a test can cut, stop and mend. */
async function startWay(port: number) {
  const pairs = new Set<readonly [Socket, Socket]>()
  let isStopped = false
  const server: Server = createServer((socket) => {
    const onward = connect(port, '127.0.0.1')
    const pair = [socket, onward] as const
    pairs.add(pair)
    for (const end of pair) end.on('error', () => undefined)
    socket.once('close', () => (pairs.delete(pair), onward.destroy()))
    onward.once('close', () => (pairs.delete(pair), socket.destroy()))
    if (!isStopped) socket.pipe(onward).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    connections: () => pairs.size,
    cut: () => {
      for (const [socket] of pairs) socket.resetAndDestroy()
    },
    /** Nothing passes any more, and nobody is told. */
    stopPassing: () => {
      isStopped = true
      for (const [socket, onward] of pairs) {
        socket.unpipe(onward).pause()
        onward.unpipe(socket).pause()
      }
    },
    mend: () => {
      isStopped = false
      for (const [socket] of pairs) socket.destroy()
    },
    stop: () => {
      server.close()
      for (const [socket] of pairs) socket.destroy()
    },
  }
}

/** A session on a device that writes back what it is sent. */
function echoing(): { readonly answer: AskAnswer; readonly isClosed: () => boolean } {
  const { channel, isClosed } = echoingChannel()
  const register = createSessionRegister(createFleetEmitter(), Date.now)
  const request = { kind: 'shell' } as const
  const client = { user: 'ops', source: 'test', via: 'ssh' } as const
  const session = register.open({ deviceId: 'router1', link: 1, client, request }, channel)
  return { answer: { ok: true, channel, session }, isClosed }
}

const QUICK = {
  redialFrom: 20,
  redialTo: 100,
  connectTimeout: 500,
  loginTimeout: 2_000,
}

/** Node a, which dials b by a way that can be cut. */
async function nodesWithWay(
  asked: PeerListener['asked'],
  ofA: Parameters<typeof startNode>[0]['limits'] = {},
  ofB: typeof ofA = {},
) {
  const keys = own(makeClusterKeys())
  const a = own(await startNode({ identity: await keys.identity('a'), limits: { ...QUICK, ...ofA } }))
  const b = own(await startNode({ identity: await keys.identity('b'), limits: { ...QUICK, ...ofB }, asked }))
  const way = own(await startWay(b.port))
  a.peers.setNodes([{ ...b.listed, address: way.address }])
  await eventually(() => expect(b.seen).toEqual(['+a']))
  return { keys, a, b, way }
}

const wanted = (more: object = {}) => ({
  deviceId: 'router1',
  request: { kind: 'subsystem', name: 'netconf' } as const,
  client: { user: 'ops', source: 'test', via: 'ssh' } as const,
  holder: { node: 'b', incarnation: 1, epoch: 1 },
  sessionId: 's1',
  wait: 1_000,
  ...more,
})

async function open(a: TestNode): Promise<DeviceChannel> {
  const opening = await a.peers.openSession(wanted())
  if (!opening.ok) throw new Error(JSON.stringify(opening))
  return opening.channel
}

/** Reads what nobody wants, so that the end is told. */
function drop({ stream, standardError }: DeviceChannel): void {
  stream.on('error', () => undefined).resume()
  standardError.resume()
}

describe('a peer that goes away', () => {
  it('ends the sessions there, and says why; the next one is held until it is back', async () => {
    const device = echoing()
    const { a, b, way } = await nodesWithWay(async () => device.answer)
    const channel = await open(a)
    drop(channel)
    way.cut()
    await channel.closed
    expect(channel.linkEnd()).toMatchObject({
      reason: 'node-lost',
      message: expect.stringMatching(/^node b, which has the link, went away/) as string,
    })
    await eventually(() => expect(device.isClosed()).toBe(true))
    expect(b.seen.slice(0, 2)).toEqual(['+a', '-a'])
    const next = await a.peers.openSession(wanted())
    expect(next.ok).toBe(true)
    expect(loggedLines(a).find(({ msg }) => String(msg).startsWith('peer lost'))).toMatchObject({
      node: 'b',
      reason: 'lost',
    })
  })

  it('without a word is found out by probes, on both sides', async () => {
    const device = echoing()
    const probes = { probeInterval: 200, probeCountMax: 2 }
    const { a, b, way } = await nodesWithWay(async () => device.answer, probes, probes)
    const channel = await open(a)
    drop(channel)
    way.stopPassing()
    await channel.closed
    expect(channel.linkEnd()?.message).toContain('it answers no probe any more')
    await eventually(() => expect(b.seen.at(-1)).toBe('-a'))
    await eventually(() => expect(device.isClosed()).toBe(true))
    way.mend()
    await eventually(() => expect(b.seen.at(-1)).toBe('+a'))
  })

  it('while it is asked is unreachable, and so is one that cannot be reached in time', async () => {
    let asked = (): void => undefined
    const isAsked = new Promise<void>((resolve) => void (asked = resolve))
    const aborted = vi.fn<() => void>()
    const { a, b, way } = await nodesWithWay(
      async (_peer, _ask, signal) => {
        asked()
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => (aborted(), resolve())))
        return { ok: false, no: { reason: 'cancelled', message: 'm', hint: 'h', retry: false } }
      },
      { reachWait: 300 },
    )
    const opening = a.peers.openSession(wanted())
    await isAsked
    way.cut()
    expect(await opening).toMatchObject({ ok: false, cause: 'unreachable' })
    await eventually(() => expect(aborted).toHaveBeenCalledOnce())
    b.stop()
    way.stop()
    const began = performance.now()
    expect(await a.peers.openSession(wanted())).toMatchObject({ ok: false, cause: 'unreachable' })
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(await a.peers.openSession(wanted({ holder: { node: 'c', incarnation: 1, epoch: 1 } }))).toMatchObject({
      ok: false,
      cause: 'unreachable',
    })
  })

  it('and whose client goes away meanwhile: the ask is given up at both', async () => {
    const gone = vi.fn<() => void>()
    let asked = (): void => undefined
    const isAsked = new Promise<void>((resolve) => void (asked = resolve))
    const { a } = await nodesWithWay(async (_peer, _ask, signal) => {
      asked()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => (gone(), resolve())))
      return { ok: false, no: { reason: 'cancelled', message: 'm', hint: 'h', retry: false } }
    })
    const cancel = new AbortController()
    const opening = a.peers.openSession(wanted(), cancel.signal)
    await isAsked
    cancel.abort()
    expect(await opening).toMatchObject({ ok: false, cause: 'refused', no: { reason: 'cancelled' } })
    await eventually(() => expect(gone).toHaveBeenCalledOnce())
    await eventually(() => expect(a.peers.counts().sessions).toBe(0))
  })

  it('for good is let go, with the sessions there', async () => {
    const { a, b } = await nodesWithWay(async () => echoing().answer)
    const channel = await open(a)
    drop(channel)
    a.peers.setNodes([])
    await channel.closed
    await eventually(() => expect(b.seen.at(-1)).toBe('-a'))
    expect(a.peers.counts()).toMatchObject({ peers: 0, reached: 0 })
  })
})

describe('a peer that is dialled anew', () => {
  it('after its certificate was renewed has its old sessions until they end', async () => {
    const { keys, a, b } = await nodesWithWay(async () => echoing().answer)
    const old = await open(a)
    a.identity = await keys.identity('a')
    a.peers.renew()
    await eventually(() => expect(b.peers.counts().accepted).toBe(2))
    await eventually(() => expect(a.peers.counts().reached).toBe(1))
    const next = await open(a)
    for (const channel of [old, next]) {
      const heard = once(channel.stream, 'data')
      channel.stream.write('still here')
      expect(String(await heard)).toBe('still here')
    }
    expect(b.peers.reached('a')).toEqual(a.life)
    drop(old)
    old.close()
    await eventually(() => expect(b.peers.counts().accepted).toBe(1))
  })

  it('is let go at the end of its certificate', async () => {
    const keys = own(makeClusterKeys())
    const a = own(await startNode({ identity: await keys.identity('a', { validity: FROM_NOW(2_000) }), limits: QUICK }))
    const b = own(await startNode({ identity: await keys.identity('b'), limits: QUICK }))
    a.peers.setNodes([b.listed])
    await eventually(() => expect(b.seen).toEqual(['+a']))
    await eventually(() => expect(b.seen).toEqual(['+a', '-a']))
    expect(loggedLines(b).find(({ reason }) => reason === 'expired')).toMatchObject({
      source: expect.any(String) as string,
    })
    await eventually(() => expect(loggedLines(a).some(({ reason }) => reason === 'turned-away')).toBe(true))
  })

  it('at its new address, while the old one still answers', async () => {
    const { a, b, way } = await nodesWithWay(async () => echoing().answer)
    const other = own(await startWay(b.port))
    a.peers.setNodes([{ ...b.listed, address: other.address }])
    // The new one is there before nothing is left of the old one, on which no session is.
    await eventually(() => expect([way.connections(), other.connections()]).toEqual([0, 1]))
    await open(a)
    expect(other.connections()).toBe(1)
  })

  it('after it was started again is heard of as another life', async () => {
    const { keys, a, b, way } = await nodesWithWay(async () => echoing().answer)
    b.stop()
    const again = own(
      await startNode({ identity: await keys.identity('b'), incarnation: 2, port: b.port, limits: QUICK }),
    )
    a.peers.setNodes([{ ...again.listed, address: way.address }])
    again.peers.setNodes([a.listed])
    await eventually(() => expect(again.seen).toEqual(['+a']))
    await eventually(() => expect(a.peers.reached('b')).toEqual({ node: 'b', incarnation: 2 }))
  })
})

describe('a connection that breaks off at each step', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['at once', (socket) => void socket.resetAndDestroy()],
    ['after its identification', (socket) => void socket.end('SSH-2.0-Homeport\r\n')],
    ['in the middle of a packet', (socket) => void socket.end('SSH-2.0-Homeport\r\n\0\0\x01\0')],
    ['with garbage', (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(1000))],
    ['with garbage for a packet', (socket) => void socket.end(`SSH-2.0-Homeport\r\n${'\xff'.repeat(4096)}`)],
    ['with silence', () => undefined],
  ])('%s: the node says so, dials again, and reaches who is there later', async (_name, behave) => {
    const keys = own(makeClusterKeys())
    const a = own(await startNode({ identity: await keys.identity('a'), limits: { ...QUICK, loginTimeout: 500 } }))
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined).resume())
      behave(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    a.peers.setNodes([{ node: 'b', incarnation: 1, address: `127.0.0.1:${port}` }])
    await eventually(() =>
      expect(loggedLines(a).find(({ msg }) => String(msg).startsWith('peer not reached'))).toMatchObject({
        reason: expect.stringMatching(/^handshake-(failed|timeout)$|^unreachable$/) as string,
      }),
    )
    await eventually(() => expect(sockets.size).toBeGreaterThan(2))
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
    const b = own(await startNode({ identity: await keys.identity('b'), port, limits: QUICK }))
    await eventually(() => expect(b.seen).toEqual(['+a']))
  })
})
