import { once } from 'node:events'
import { expect, describe, it } from 'vitest'
import type { SessionOpening } from '../../src/fleet/fleet.js'
import type { LocalFleet } from '../../src/fleet/local-fleet.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { makeLink } from '../fleet/support/hand-made-link.js'
import { nextEvent } from '../fleet/support/next-event.js'
import { client, netconf } from '../fleet/support/test-fleet.js'
import { echoingLink } from './support/echoing-channel.js'
import { eventually } from './support/eventually.js'
import { allReached, clusterOverSsh, type NodeOverSsh } from './support/nodes-over-ssh.js'

const own = endAfterEach()

async function nodes(...ids: readonly string[]): Promise<{
  readonly cluster: ReturnType<typeof clusterOverSsh>
  readonly node: (id: string) => NodeOverSsh
}> {
  const cluster = own(clusterOverSsh({ changed: { reconnectWait: 20_000 } }))
  const started = new Map<string, NodeOverSsh>()
  for (const id of ids) started.set(id, await cluster.start(id))
  await allReached([...started.values()])
  return {
    cluster,
    node: (id) => {
      const found = started.get(id)
      if (found === undefined) throw new Error(`there is no node ${id}`)
      return found
    },
  }
}

const open = (fleet: LocalFleet, signal?: AbortSignal): Promise<SessionOpening> =>
  fleet.openSession({ deviceId: 'router1', request: netconf, client }, signal)

async function opened(opening: Promise<SessionOpening>) {
  const answer = await opening
  if (!answer.ok) throw new Error(answer.refusal.message)
  const { channel } = answer
  channel.stream.on('error', () => undefined)
  channel.standardError.resume()
  return answer
}

describe('two nodes, each with its fleet, over SSH', () => {
  it('give a client of one a session on a device of the other, in both registers by one id', async () => {
    const { node } = await nodes('a', 'b')
    node('b').fleet.attach(echoingLink())
    const { session, channel } = await opened(open(node('a').fleet))
    const heard = once(channel.stream, 'data')
    channel.stream.write('<hello/>')
    expect(String(await heard)).toBe('<hello/>')
    expect(await node('a').fleet.sessions()).toMatchObject([{ id: session.id, node: 'b' }])
    expect(await node('b').fleet.sessions()).toMatchObject([
      { id: session.id, client: { user: 'ops', node: 'a' }, bytes: { fromClient: 8, fromDevice: 8 } },
    ])
    expect(node('a').peers.counts().sessions).toBe(1)
    const over = nextEvent(node('b').fleet, 'session-closed')
    channel.stream.resume()
    channel.close()
    await channel.closed
    await over
    await eventually(() => expect(node('a').peers.counts().sessions).toBe(0))
  })

  it('end a session that is killed where the device is, and its client hears so', async () => {
    const { node } = await nodes('a', 'b')
    node('b').fleet.attach(echoingLink())
    const { session, channel } = await opened(open(node('a').fleet))
    channel.stream.resume()
    expect(await node('b').fleet.endSession(session.id, 'alice')).toBe(true)
    await channel.closed
    expect(channel.linkEnd()?.message).toBe('session killed by alice')
    await eventually(async () => expect(await node('a').fleet.sessions()).toEqual([]))
  })

  it('end one that is killed where the client is, and the place on the device is free', async () => {
    const { node } = await nodes('a', 'b')
    node('b').fleet.attach(echoingLink())
    const { session, channel } = await opened(open(node('a').fleet))
    channel.stream.resume()
    expect(await node('a').fleet.endSession(session.id, 'alice')).toBe(true)
    expect(await session.killed).toBe('alice')
    await eventually(async () => expect(await node('b').fleet.sessions()).toEqual([]))
  })

  it('refuse a client in the words of the node that has the device', async () => {
    const { node } = await nodes('a', 'b')
    node('b').fleet.attach(
      makeLink({ answer: async () => ({ ok: false, cause: 'request', message: 'no netconf here' }) }),
    )
    const answer = await open(node('a').fleet)
    expect(answer).toMatchObject({ ok: false, refusal: { reason: 'refused-by-device' } })
    expect(answer.ok ? '' : answer.refusal.message).toContain('no netconf here')
  })

  it('serve a client that waits as soon as its device calls the other', async () => {
    const { node } = await nodes('a', 'b')
    const link = makeLink()
    node('a').fleet.attach(link)
    const detached = nextEvent(node('a').fleet, 'detached')
    link.end({ reason: 'lost', message: 'it is gone' })
    await detached
    const waiting = open(node('a').fleet)
    await eventually(async () => expect((await node('a').fleet.counts()).waitingSessions).toBe(1))
    node('b').fleet.attach(echoingLink())
    await opened(waiting)
  })

  it('say which of them has a device, and who waits for it hears so', async () => {
    const { node } = await nodes('a', 'b')
    const { fleet } = node('a')
    expect((await fleet.device('router1'))?.node).toBeUndefined()
    const waiting = fleet.whenAttached('router1', 20_000)
    node('b').fleet.attach(echoingLink())
    expect(await waiting).toBe(true)
    expect(await fleet.device('router1')).toMatchObject({ node: 'b' })
    expect((await node('b').fleet.device('router1'))?.node).toBeUndefined()
    expect(await fleet.whenAttached('router1', 0)).toBe(true)
    node('b').kill()
    await eventually(async () => expect((await fleet.device('router1'))?.node).toBeUndefined())
    expect(await fleet.whenAttached('router1', 0)).toBe(false)
  })

  it('of which the one with the device is killed: the session ends, and the device is found where it calls next', async () => {
    const { node } = await nodes('a', 'b', 'c')
    node('b').fleet.attach(echoingLink())
    const { channel } = await opened(open(node('a').fleet))
    channel.stream.resume()
    node('b').kill()
    await channel.closed
    expect(channel.linkEnd()?.reason).toBe('node-lost')
    const next = open(node('a').fleet)
    await eventually(async () => expect((await node('a').fleet.counts()).waitingSessions).toBe(1))
    node('c').fleet.attach(makeLink({ source: '192.0.2.7:2000' }))
    const { channel: found } = await opened(next)
    const heard = once(found.stream, 'data')
    found.stream.write('there')
    expect(String(await heard)).toBe('there')
  })

  it('take up again after the one was started anew', async () => {
    const { cluster, node } = await nodes('a', 'b')
    node('b').kill()
    const again = await cluster.start('b')
    await allReached([node('a'), again])
    again.fleet.attach(makeLink())
    await opened(open(node('a').fleet))
  })
})
