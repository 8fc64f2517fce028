import { nextEvent } from '../fleet/support/next-event.js'
import { approveShown } from '../fleet/support/approve.js'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { endAfterEach } from '../e2e/support/resources.js'
import { callAsDevice, deferred, newDeviceKey, turns } from './support/calling-device.js'
import { type CallHomeRoom, type CallHomeRoomOptions, configuredDevice, openCallHome } from './support/call-home.js'

const own = endAfterEach()
const key = newDeviceKey()
const password = 'never-told-to-a-stranger'

afterEach(() => {
  vi.useRealTimers()
})

const open = async (options: CallHomeRoomOptions = {}): Promise<CallHomeRoom> =>
  own(await openCallHome({ credentials: { username: 'netconf', password }, ...options }))

/** Dials in with a device id, or by RFC 8071 without one, and settles once the device is pending. */
async function holdPending(room: CallHomeRoom, deviceId?: string, deviceKey = key) {
  const pending = nextEvent(room.fleet, 'pending')
  const socket = await room.dial()
  const source = sourceOf(socket)
  if (deviceId !== undefined) socket.write(`MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${deviceId}\r\n`)
  const device = callAsDevice(socket, deviceKey)
  const [told] = (await pending) as [{ deviceId: string; hostKeyFingerprint: string; source: string }]
  return { socket, source, device, told }
}

/** The source of a connection, as the bridge sees it. */
const sourceOf = (socket: Socket): string => `127.0.0.1:${socket.localPort}`

describe('a device that nothing vouches for', () => {
  it.each([
    ['that nobody had heard of', []],
    ['that is configured with nothing that proves it', [configuredDevice('router1')]],
  ])('%s attaches on the same connection once it is approved', async (_which, configured) => {
    const room = await open({ configured })
    const { source, device, told } = await holdPending(room, 'router1')
    expect(told).toEqual({ deviceId: 'router1', hostKeyFingerprint: key.fingerprint, source })
    await turns()
    expect(device.heard).toEqual([])
    const attached = nextEvent(room.fleet, 'attached')
    expect(await approveShown(room.service, 'router1', 'alice')).toMatchObject({ ok: true })
    const [link] = await attached
    expect(link).toMatchObject({
      deviceId: 'router1',
      source,
      hostKeyFingerprint: key.fingerprint,
    })
    expect(await device.asked).toMatchObject({ username: 'netconf' })
    expect((await room.fleet.device('router1'))?.link?.source).toBe(source)
    // From now on it is bound to that key.
    expect([...room.service.known().all()]).toMatchObject([{ id: 'router1', pins: [{ blob: key.blob }] }])
  })

  it('and says no id goes by its fingerprint, and attaches under the id that it is given', async () => {
    const room = await open()
    const { device, told } = await holdPending(room)
    expect(told.deviceId).toBe(key.fingerprint)
    await turns()
    expect(device.heard).toEqual([])
    const attached = nextEvent(room.fleet, 'attached')
    expect(await approveShown(room.service, key.fingerprint, 'alice', 'switch1')).toMatchObject({ ok: true })
    expect((await attached)[0]).toMatchObject({ deviceId: 'switch1', hostKeyFingerprint: key.fingerprint })
    expect([...room.service.known().all()].map(({ id }) => id)).toEqual(['switch1'])
  })

  it('attaches without a decision the next time', async () => {
    const room = await open()
    const first = await holdPending(room, 'router1')
    const attached = nextEvent(room.fleet, 'attached')
    await approveShown(room.service, 'router1', 'alice')
    await attached
    const detached = nextEvent(room.fleet, 'detached')
    first.socket.destroy()
    await detached
    const again = nextEvent(room.fleet, 'attached')
    const socket = await room.dial()
    socket.write('DEVICE-ID: router1\r\n')
    callAsDevice(socket, key)
    expect((await again)[0]).toMatchObject({ deviceId: 'router1', source: sourceOf(socket) })
  })

  it('is closed with the reason when it is rejected, and gets no credentials', async () => {
    const room = await open()
    const { device } = await holdPending(room, 'router1')
    const refused = room.refused()
    await room.service.reject('router1', 'alice')
    expect(await refused).toMatchObject({ reason: 'rejected', deviceId: 'router1' })
    await device.closed
    expect(device.heard).toEqual([])
    // It stays rejected when it dials in again.
    const next = room.refused()
    const socket = await room.dial()
    socket.write('DEVICE-ID: router1\r\n')
    const again = callAsDevice(socket, key)
    expect(await next).toMatchObject({ reason: 'rejected', deviceId: 'router1' })
    await again.closed
    expect(again.heard).toEqual([])
  })

  it('is closed as pending when nobody decides in time, and gets no credentials', async () => {
    const room = await open({ enrolment: { pendingTimeout: 60_000 } })
    // The bound of the desk is the only timer that this lets run.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { device } = await holdPending(room, 'router1')
    const refused = room.refused()
    vi.advanceTimersByTime(59_999)
    await turns()
    expect((await room.service.get('router1'))?.lastRefusal).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(await refused).toMatchObject({ reason: 'pending', deviceId: 'router1' })
    await device.closed
    expect(device.heard).toEqual([])
    expect(await room.service.get('router1')).toMatchObject({ standing: 'pending', lastRefusal: { reason: 'pending' } })
  })

  it('is refused where another key waits under its id, which goes on waiting', async () => {
    const room = await open()
    const { device } = await holdPending(room, 'router1')
    const refused = room.refused()
    const socket = await room.dial()
    socket.write('DEVICE-ID: router1\r\n')
    const stranger = callAsDevice(socket, newDeviceKey())
    expect(await refused).toMatchObject({ reason: 'another-key-pending', deviceId: 'router1' })
    await stranger.closed
    expect(stranger.heard).toEqual([])
    const attached = nextEvent(room.fleet, 'attached')
    await approveShown(room.service, 'router1', 'alice')
    expect((await attached)[0]).toMatchObject({ hostKeyFingerprint: key.fingerprint })
    expect(device.heard).toContain('USERAUTH_REQUEST')
  })

  it('is refused where as many are pending as may', async () => {
    const room = await open({ enrolment: { maxPending: 1 } })
    await holdPending(room, 'router1')
    const refused = room.refused()
    const socket = await room.dial()
    socket.write('DEVICE-ID: router2\r\n')
    const surplus = callAsDevice(socket, newDeviceKey())
    expect(await refused).toMatchObject({ reason: 'too-many-pending', deviceId: 'router2' })
    await surplus.closed
    expect(surplus.heard).toEqual([])
    expect((await room.service.list()).map(({ deviceId }) => deviceId)).toEqual(['router1'])
  })

  it('gives way to its own newer connection, which attaches', async () => {
    const room = await open()
    const first = await holdPending(room, 'router1')
    const refused = room.refused()
    const second = await holdPending(room, 'router1')
    expect(await refused).toMatchObject({ reason: 'pending', source: first.source })
    await first.device.closed
    const attached = nextEvent(room.fleet, 'attached')
    await approveShown(room.service, 'router1', 'alice')
    expect((await attached)[0]).toMatchObject({ source: second.source })
    expect(first.device.heard).toEqual([])
  })
})

describe('a pending device that hangs up', () => {
  it('can still be approved for its next call', async () => {
    const room = await open()
    const { socket } = await holdPending(room, 'router1')
    const refused = room.refused()
    socket.end()
    expect(await refused).toMatchObject({ reason: 'pending', deviceId: 'router1' })
    const { source: next } = await holdPending(room, 'router1')
    const attached = nextEvent(room.fleet, 'attached')
    await approveShown(room.service, 'router1', 'alice')
    expect((await attached)[0]).toMatchObject({ deviceId: 'router1', source: next })
  })

  it('had no place among the handshakes, nor in the queue before them', async () => {
    const room = await open({ maxQueuedHandshakes: 1, maxHandshakes: 1 })
    const { socket } = await holdPending(room, 'router1')
    await holdPending(room, 'router2')
    expect(room.listener.handshakes).toEqual({ arriving: 0, queued: 0, running: 0, waiting: 0, pending: 2 })
    const refused = room.refused()
    socket.end()
    await refused
    await turns()
    expect(room.listener.handshakes.pending).toBe(1)
  })

  it('at the moment of its approval is attached to nothing, and bound all the same', async () => {
    const room = await open()
    const { socket } = await holdPending(room, 'router1')
    const links: unknown[] = []
    room.fleet.subscribe({ attached: (link) => links.push(link) })
    const refused = room.refused()
    socket.resetAndDestroy()
    await approveShown(room.service, 'router1', 'alice')
    await refused
    expect(links).toEqual([])
    expect([...room.service.known().all()]).toMatchObject([{ id: 'router1', pins: [{ blob: key.blob }] }])
  })
})

describe('a device that is pending while the bridge stops', () => {
  it('is let go', async () => {
    const room = await open()
    const { device } = await holdPending(room, 'router1')
    const refused = room.refused()
    room.listener.close()
    expect(await refused).toMatchObject({ reason: 'pending', deviceId: 'router1' })
    await device.closed
    expect(device.heard).toEqual([])
  })
})

describe('the credentials of a device', () => {
  it('are never in the log', async () => {
    const room = await open()
    const answered = deferred<void>()
    const socket = await room.dial()
    const pending = nextEvent(room.fleet, 'pending')
    socket.write('DEVICE-ID: router1\r\n')
    callAsDevice(socket, key, (context) => {
      if (context.method === 'none') return context.reject(['password'])
      answered.resolve()
      context.reject()
    })
    await pending
    const refused = room.refused()
    await approveShown(room.service, 'router1', 'alice')
    await answered.promise
    const refusal = await refused
    expect(refusal).toMatchObject({ reason: 'login-failed', deviceId: 'router1' })
    expect(JSON.stringify([refusal, room.logged])).not.toContain(password)
  })
})
