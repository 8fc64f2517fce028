import { nextEvent } from '../fleet/support/next-event.js'
import { once } from 'node:events'
import type { Connection, ServerChannel } from 'ssh2'
import { afterEach, describe, expect, it } from 'vitest'
import { ssh2 } from '../../src/ssh/ssh2/load.js'
import { type CallHomeRoom, type CallHomeRoomOptions, configuredDevice, openCallHome } from './support/call-home.js'
import { newDeviceKey } from './support/calling-device.js'

const netconf = { kind: 'subsystem', name: 'netconf' } as const
const client = { user: 'ops', source: '192.0.2.1:40000', via: 'ssh' } as const
const junos = 'MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\n'
/** Milliseconds. */
const stallTimeout = 50

let room: CallHomeRoom | undefined
afterEach(async () => {
  await room?.stop()
  room = undefined
})

/** What a device does with a session that the bridge opens, the first being number 1. */
type Answer = (number: number, session: { take: () => void; ignore: () => void; refuse: () => void }) => void

interface Hostile {
  readonly room: CallHomeRoom
  readonly connection: Connection
  readonly opened: () => number
}

/** Attaches a device that proved itself, logged the bridge in, and is hostile from then on. */
async function attach(
  answer: Answer,
  { plain = false, ...options }: CallHomeRoomOptions & { readonly plain?: boolean } = {},
): Promise<Hostile> {
  const key = newDeviceKey()
  room = await openCallHome({
    configured: [configuredDevice('router1', { pins: [{ type: 'ssh-ed25519', blob: key.blob, comment: '' }] })],
    credentials: { username: 'netconf', password: 'x' },
    channels: { channelOpenTimeout: stallTimeout, channelCloseTimeout: stallTimeout },
    ...options,
    fleet: { sessionWait: 5_000, maxQueuedSessions: 4, ...options.fleet },
  })
  const socket = await room.dial()
  if (!plain) socket.write(junos)
  let number = 0
  const server = new ssh2.Server({ hostKeys: [key.text] })
  const connected = new Promise<Connection>((resolve) => {
    server.on('connection', (connection) => {
      connection.on('error', () => undefined)
      connection.on('authentication', (context) => context.accept())
      connection.on('session', (accept, reject) => {
        number += 1
        const own = number
        answer(own, {
          ignore: () => undefined,
          refuse: () => reject(),
          take: () => {
            accept().on('subsystem', (takeIt) => {
              const channel = takeIt()
              channel.on('error', () => undefined)
              taken.get(own)?.(channel)
              channel.resume()
            })
          },
        })
      })
      resolve(connection)
    })
  })
  const attached = nextEvent(room.fleet, 'attached')
  server.injectSocket(socket)
  const connection = await connected
  await attached
  return { room, connection, opened: () => number }
}

interface Protocol {
  readonly channelClose: (id: number) => void
  readonly channelData: (id: number, bytes: Buffer) => void
}

/** What ssh2 writes packets with, of the device's end. */
const protocolOf = (connection: Connection): Protocol =>
  (connection as unknown as Readonly<Record<'_protocol', Protocol>>)['_protocol']

/** Who is told of a channel whose subsystem the device took. */
const taken = new Map<number, (channel: ServerChannel) => void>()
afterEach(() => taken.clear())

const lost = async ({ fleet }: CallHomeRoom) => (await nextEvent(fleet, 'channel-lost'))[0]

describe('a device that proved itself and is hostile then', () => {
  it('answers no channel open: the client is told, and its place is free', async () => {
    const { room } = await attach((number, session) => (number === 1 ? session.ignore() : session.take()), {
      fleet: { maxLostChannels: 3 },
    })
    const told = lost(room)
    expect(await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })).toMatchObject({
      ok: false,
      refusal: { reason: 'channel-unanswered' },
    })
    expect(await told).toMatchObject({ loss: 'open', lost: 1 })
    expect((await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })).ok).toBe(true)
  })

  it('answers a channel open too late: that one is closed and counts no more', async () => {
    let late: (() => void) | undefined
    const { room, connection } = await attach(() => undefined)
    connection.removeAllListeners('session')
    connection.on('session', (accept) => {
      late = () => {
        const session = accept()
        const { outgoing } = (session as unknown as Readonly<Record<'_chanInfo', { outgoing: { id: number } }>>)[
          '_chanInfo'
        ]
        // ssh2 leaves the close of such a channel unanswered by itself.
        session.once('close', () => protocolOf(connection).channelClose(outgoing.id))
      }
    })
    const told = lost(room)
    await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
    await told
    late?.()
    await expect.poll(async () => (await room.fleet.device('router1'))?.link?.lostChannels).toBe(0)
    expect(await room.fleet.sessions()).toEqual([])
  })

  it('opens a channel and answers no request on it: it is closed', async () => {
    let closed: Promise<unknown> | undefined
    const { room, connection } = await attach(() => undefined)
    connection.removeAllListeners('session')
    connection.on('session', (accept) => {
      // Without a listener ssh2 refuses a request by itself.
      const session = accept().on('subsystem', () => undefined)
      closed = once(session, 'close')
    })
    const told = lost(room)
    expect(await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })).toMatchObject({
      refusal: { reason: 'channel-unanswered' },
    })
    expect(await told).toMatchObject({ loss: 'open' })
    await closed
  })

  it('never closes a channel: each place is free again, and the link ends with as many as may be', async () => {
    const { room, connection } = await attach((_number, session) => session.take(), {
      fleet: { maxLostChannels: 2 },
    })
    Object.assign(protocolOf(connection), { channelClose: () => undefined })
    const detached = nextEvent(room.fleet, 'detached')
    for (let round = 1; round <= 2; round += 1) {
      const opening = await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
      if (!opening.ok) throw new Error(opening.refusal.message)
      const told = lost(room)
      opening.channel.stream.resume()
      opening.channel.close()
      expect(await told).toMatchObject({ loss: 'close', lost: round })
      await opening.channel.closed
      expect(await room.fleet.sessions()).toEqual([])
    }
    expect((await detached)[0].end.reason).toBe('channels-unanswered')
  })

  it('refuses a request and never closes the channel: it counts as well', async () => {
    const { room, connection } = await attach(() => undefined)
    connection.removeAllListeners('session')
    connection.on('session', (accept) => accept().on('subsystem', (_take, refuse) => refuse?.()))
    Object.assign(protocolOf(connection), { channelClose: () => undefined })
    const told = lost(room)
    expect(await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })).toMatchObject({
      refusal: { reason: 'refused-by-device' },
    })
    expect(await told).toMatchObject({ loss: 'close' })
  })

  it('closes late and answers nothing else meanwhile: nothing is lost as long as something comes', async () => {
    const patient = 400
    const { room, connection } = await attach((_number, session) => session.take(), {
      channels: { channelOpenTimeout: 10_000, channelCloseTimeout: patient },
    })
    const protocol = protocolOf(connection)
    const close = protocol.channelClose.bind(protocol)
    let sent = 0
    // Its close stands behind much other data on a slow path, and so does the answer to a probe.
    Object.assign(protocol, {
      requestFailure: () => undefined,
      requestSuccess: () => undefined,
      channelClose: (id: number) => {
        const timer = setInterval(() => {
          sent += 1
          if (sent * (patient / 10) < 3 * patient) return protocol.channelData(id, Buffer.from('x'))
          clearInterval(timer)
          close(id)
        }, patient / 10)
      },
    })
    const told: unknown[] = []
    room.fleet.subscribe({ 'channel-lost': (event) => void told.push(event) })
    const opening = await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
    if (!opening.ok) throw new Error(opening.refusal.message)
    opening.channel.stream.resume()
    opening.channel.standardError.resume()
    opening.channel.close()
    await opening.channel.closed
    expect(sent).toBe(30)
    expect(told).toEqual([])
  })

  it('never answers the channel of the held session: its link is attached all the same', async () => {
    const { room } = await attach((number, session) => (number === 1 ? session.ignore() : session.take()), {
      plain: true,
    })
    expect((await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })).ok).toBe(true)
    expect((await room.fleet.device('router1'))?.link).toMatchObject({
      lostChannels: 1,
      heldSession: { state: 'ended', endedAtOnce: 1 },
    })
  })

  it.each([
    ['says no hello', ''],
    ['says a hello of two megabytes', `<hello>${'x'.repeat(2 * 1024 * 1024)}`],
    ['says garbage', '\0'.repeat(4096)],
  ])('%s to the held session: that one stays, and gives way to a client', async (_name, words) => {
    let refusing = true
    taken.set(1, (channel) => {
      channel.write(words)
      channel.once('close', () => (refusing = false))
    })
    const { room } = await attach((number, session) => (number > 1 && refusing ? session.refuse() : session.take()), {
      plain: true,
      channels: { channelOpenTimeout: 5_000, channelCloseTimeout: 5_000 },
    })
    expect((await room.fleet.device('router1'))?.link?.heldSession).toEqual({ state: 'open', endedAtOnce: 0 })
    expect((await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })).ok).toBe(true)
    expect((await room.fleet.device('router1'))?.link?.heldSession?.state).toBe('gave-way')
  })

  it('ends the held session at once: it is asked for less and less often, and the log is told', async () => {
    const { room, opened } = await attach(
      (number, session) => {
        taken.set(number, (channel) => channel.close())
        session.take()
      },
      { plain: true, channels: { channelOpenTimeout: 5_000, channelCloseTimeout: 5_000 } },
    )
    const warned = () => room.logged.filter((line) => line.includes('the session that the bridge holds'))
    await expect.poll(() => warned().length, { timeout: 10_000 }).toBe(2)
    expect(warned()[0]).toMatch(/"times":1,"retrySeconds":1,/)
    expect(warned()[1]).toMatch(/"times":2,"retrySeconds":2,/)
    expect(opened()).toBe(2)
    expect((await room.fleet.device('router1'))?.link?.heldSession).toEqual({ state: 'ended', endedAtOnce: 2 })
  })
})
