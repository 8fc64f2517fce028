import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { endAfterEach } from '../e2e/support/resources.js'
import { approveShown } from '../fleet/support/approve.js'
import { nextEvent } from '../fleet/support/next-event.js'
import { answerOf, client, netconf } from '../fleet/support/test-fleet.js'
import { type CallHomeRoom, type CallHomeRoomOptions, configuredDevice, openCallHome } from './support/call-home.js'
import { newDeviceKey } from './support/calling-device.js'
import { createLineTransport, readLine } from './support/line-transport.js'

const own = endAfterEach()
const key = newDeviceKey()
const pin = { type: 'ssh-ed25519', blob: key.blob, comment: '' }
const configured = [configuredDevice('router1', { pins: [pin] })]

const open = async (options: CallHomeRoomOptions = {}): Promise<CallHomeRoom> =>
  own(await openCallHome({ configured, transport: createLineTransport(), ...options }))

/** Dials in and claims an id; settles once the bridge asks for a proof. */
async function call(room: CallHomeRoom, deviceId = 'router1'): Promise<Socket> {
  const device = await room.dial()
  device.write(`I AM ${deviceId}\n`)
  expect(await readLine(device)).toBe('PROVE')
  return device
}

const proveWith = (device: Socket, blob: Buffer): void => void device.write(`KEY ${blob.toString('base64')}\n`)

/** Calls, proves the key, and lets the bridge in. */
async function attach(room: CallHomeRoom, claimed?: string): Promise<Socket> {
  const device = await call(room, claimed)
  proveWith(device, key.blob)
  expect(await readLine(device)).toBe('LOGIN')
  device.write('WELCOME\n')
  return device
}

describe('a device that calls home over another transport', () => {
  it('attaches once it has proven its key and let the bridge in', async () => {
    const room = await open()
    const attached = nextEvent(room.fleet, 'attached')
    await attach(room)
    expect((await attached)[0]).toMatchObject({ deviceId: 'router1', hostKeyFingerprint: key.fingerprint })
    expect((await room.fleet.device('router1'))?.link).toMatchObject({ software: 'lines', mostSessions: 1 })
    expect(room.listener.handshakes).toMatchObject({ arriving: 0, queued: 0, running: 0, pending: 0 })
  })

  it('is refused where its claim cannot be read', async () => {
    const room = await open()
    const refused = room.refused()
    const device = await room.dial()
    device.write('GOOD MORNING\n')
    expect(await refused).toMatchObject({ reason: 'initiation-malformed' })
    await once(device.resume(), 'close')
  })

  it('is refused with another key than its own, which is noted, and is not logged into', async () => {
    const room = await open({ configured: [configuredDevice('router1', { pins: [pin] })] })
    const refused = room.refused()
    const device = await call(room)
    proveWith(device, newDeviceKey().blob)
    expect(await refused).toMatchObject({ reason: 'host-key-not-pinned', deviceId: 'router1' })
    expect(await readLine(device)).toBe('')
    expect((await room.service.get('router1'))?.refusals).toEqual({ 'host-key-not-pinned': 1 })
  })

  it('is refused where it does not let the bridge in', async () => {
    const room = await open()
    const refused = room.refused()
    const device = await call(room)
    proveWith(device, key.blob)
    expect(await readLine(device)).toBe('LOGIN')
    device.write('NO\n')
    expect(await refused).toMatchObject({ reason: 'login-failed', deviceId: 'router1' })
  })

  it('is held while it is pending, hears nothing, and attaches on the same connection once it is approved', async () => {
    const room = await open({ configured: [] })
    const pending = nextEvent(room.fleet, 'pending')
    const device = await call(room, 'switch1')
    proveWith(device, key.blob)
    expect((await pending)[0]).toMatchObject({ deviceId: 'switch1', hostKeyFingerprint: key.fingerprint })
    expect(room.listener.handshakes.pending).toBe(1)
    expect(device.read()).toBeNull()
    const attached = nextEvent(room.fleet, 'attached')
    expect(await approveShown(room.service, 'switch1', 'alice')).toMatchObject({ ok: true })
    expect(await readLine(device)).toBe('LOGIN')
    device.write('WELCOME\n')
    expect((await attached)[0]).toMatchObject({ deviceId: 'switch1', source: `127.0.0.1:${device.localPort}` })
  })

  it('takes the place of its older link, whose session ends', async () => {
    const room = await open()
    const attached = nextEvent(room.fleet, 'attached')
    const older = await attach(room)
    await attached
    const session = await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
    const replaced = nextEvent(room.fleet, 'replaced')
    const newer = await attach(room)
    expect((await replaced)[0]).toMatchObject({ source: `127.0.0.1:${newer.localPort}`, sessions: 1 })
    await once(older.resume(), 'close')
    expect(session.ok && session.channel.linkEnd()?.reason).toBe('replaced')
  })

  it('is let go of when what proved it is taken away', async () => {
    const room = await open()
    const attached = nextEvent(room.fleet, 'attached')
    const device = await attach(room)
    await attached
    const detached = nextEvent(room.fleet, 'detached')
    room.configure([configuredDevice('router1', { pins: [{ ...pin, blob: newDeviceKey().blob }] })])
    expect((await detached)[0].end.reason).toBe('no-longer-proven')
    await once(device.resume(), 'close')
  })
})

describe('a link whose connection is its one session', () => {
  const waiting = {
    fleet: { maxQueuedSessions: 2, sessionWait: 10_000, reconnectWait: 10_000, reconnectWindow: 60_000 },
  }

  it('carries the bytes of its client, and nothing that the bridge says for itself', async () => {
    const room = await open()
    const attached = nextEvent(room.fleet, 'attached')
    // Over SSH, a device that makes no claim is held by a session of the bridge's own.
    const device = await attach(room, '-')
    await attached
    const session = await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
    if (!session.ok) throw new Error(session.refusal.message)
    session.channel.stream.write('from the client\n')
    expect(await readLine(device)).toBe('from the client')
    device.write('from the device\n')
    const [bytes] = (await once(session.channel.stream, 'data')) as [Buffer]
    expect(bytes.toString()).toBe('from the device\n')
  })

  it('is given to one client at a time; the next one gets the next connection', async () => {
    const room = await open(waiting)
    const attached = nextEvent(room.fleet, 'attached')
    await attach(room)
    await attached
    const openOne = () => room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
    const first = await openOne()
    const wanted = nextEvent(room.fleet, 'session-wanted')
    const second = openOne()
    await wanted
    expect((await room.fleet.device('router1'))?.link).toMatchObject({ sessions: 1, queued: 1 })
    const detached = nextEvent(room.fleet, 'detached')
    if (first.ok) first.channel.close()
    await detached
    const again = await attach(room)
    const opening = await second
    expect(answerOf(opening)).toBe('ok')
    if (opening.ok) opening.channel.stream.write('hello\n')
    expect(await readLine(again)).toBe('hello')
  })

  it.each([
    [{ kind: 'shell' }],
    [{ kind: 'exec', command: 'show version' }],
    [{ kind: 'subsystem', name: 'sftp' }],
  ] as const)('refuses %j at once, also while its session is in use', async (request) => {
    const room = await open(waiting)
    const attached = nextEvent(room.fleet, 'attached')
    await attach(room)
    await attached
    await room.fleet.openSession({ deviceId: 'router1', request: netconf, client })
    const opening = await room.fleet.openSession({ deviceId: 'router1', request, client })
    expect(opening).toMatchObject({ ok: false, refusal: { reason: 'refused-by-device' } })
    expect((await room.fleet.device('router1'))?.link?.queued).toBe(0)
  })

  it('keeps no spare channel, because that would be its only one', async () => {
    const room = await open({ configured: [configuredDevice('router1', { pins: [pin], spareChannels: 2 })] })
    const attached = nextEvent(room.fleet, 'attached')
    await attach(room)
    await attached
    expect((await room.fleet.device('router1'))?.link?.sessions).toBe(0)
  })
})

it('what decides on calls knows no transport', () => {
  const room = new URL('../../src/southbound/', import.meta.url)
  const files = readdirSync(room).filter((name) => name.endsWith('.ts'))
  expect(files).toContain('call-home.ts')
  for (const file of files)
    expect(`${file}: ${readFileSync(new URL(file, room), 'utf8')}`).not.toMatch(/from '\.\/ssh\//)
})
