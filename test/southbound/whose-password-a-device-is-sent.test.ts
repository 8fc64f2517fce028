import { nextEvent } from '../fleet/support/next-event.js'
import { approveShown } from '../fleet/support/approve.js'
import type { AuthContext } from 'ssh2'
import { describe, expect, it } from 'vitest'
import type { Decider } from '../../src/fleet/enrolment/enrolment.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { initiationHmac } from '../../src/trust/ssh/initiation-hmac.js'
import { anchorsWith } from '../trust/support/known-devices.js'
import { callAsDevice, newDeviceKey } from './support/calling-device.js'
import { type CallHomeRoom, type CallHomeRoomOptions, configuredDevice, openCallHome } from './support/call-home.js'

const own = endAfterEach()
const key = newDeviceKey()
const publicLine = `ssh-ed25519 ${key.blob.toString('base64')}`
const profiles = [
  ['core', { username: 'core', password: 'secret-of-core' }],
  ['edge', { username: 'edge', password: 'secret-of-edge' }],
] as const
const credentials = { username: 'default', password: 'secret-of-default' }
/** Administers some devices, and may give them the profile `edge`. */
const eve: Decider = { name: 'eve', profiles: ['edge'] }

const open = async (options: CallHomeRoomOptions = {}): Promise<CallHomeRoom> =>
  own(await openCallHome({ credentials, profiles, ...options }))

/** Calls home as a device that tells everything that it is sent; settles once it attached or was refused. */
async function call(room: CallHomeRoom, deviceId: string, more = '', decide?: () => Promise<unknown>) {
  const sent: string[] = []
  const pending = nextEvent(room.fleet, 'pending')
  const attached = nextEvent(room.fleet, 'attached').then(() => 'attached' as const)
  const refused = room.refused()
  const socket = await room.dial()
  socket.write(`MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${deviceId}\r\n${more}`)
  callAsDevice(socket, key, (context: AuthContext) => {
    if (context.method === 'none') return context.reject(['password', 'keyboard-interactive'])
    if (context.method !== 'password') return context.reject(['password', 'keyboard-interactive'])
    sent.push(context.password)
    context.accept()
  })
  if (decide !== undefined) {
    await pending
    await decide()
  }
  const outcome = await Promise.race([attached, refused])
  socket.destroy()
  return { sent, outcome }
}

const withheld = {
  reason: 'login-failed',
  message: expect.stringMatching(/password of the credentials .* is not sent/),
}

describe('a device that somebody let in who administers some devices alone', () => {
  it.each([
    ['default', undefined, undefined],
    ['core', 'core', undefined],
    ['edge', 'edge', 'secret-of-edge'],
  ])('with the credentials %s', async (_which, name, password) => {
    const room = await open()
    // The profile itself may have been chosen by somebody else, before.
    await room.service.add({ deviceId: 'edge-1', secret: 's3cret', ...(name && { credentials: name }) }, eve)
    const hmac = initiationHmac('s3cret', publicLine)
    const { sent, outcome } = await call(room, 'edge-1', `HOST-KEY: ${publicLine}\r\nHMAC:${hmac}\r\n`)
    if (password === undefined) expect([sent, outcome]).toEqual([[], expect.objectContaining(withheld)])
    else expect([sent, outcome]).toEqual([[password], 'attached'])
  })

  it('by its approval is sent no password, not even the default one', async () => {
    const room = await open()
    const { sent, outcome } = await call(room, 'edge-1', '', () => approveShown(room.service, 'edge-1', eve))
    expect([sent, outcome]).toEqual([[], expect.objectContaining(withheld)])
    expect(room.logged.join('')).toContain('is not sent to a device that')
    // Nor when it calls again, now pinned.
    expect((await call(room, 'edge-1')).sent).toEqual([])
  })

  it('although it is configured, where the file says nothing that proves it', async () => {
    const room = await open({ configured: [configuredDevice('edge-1')] })
    const { sent } = await call(room, 'edge-1', '', () => approveShown(room.service, 'edge-1', eve))
    expect(sent).toEqual([])
  })

  it('is sent it once somebody decided who administers every device', async () => {
    const room = await open()
    await call(room, 'edge-1', '', () => approveShown(room.service, 'edge-1', eve))
    await room.service.forget('edge-1', 'root')
    const { sent } = await call(room, 'edge-1', '', () => approveShown(room.service, 'edge-1', 'root'))
    expect(sent).toEqual(['secret-of-default'])
  })
})

describe('what the files decide stays decided by them', () => {
  it('host-keys of the device', async () => {
    const pins = [{ type: 'ssh-ed25519', blob: key.blob, comment: '' }]
    const room = await open()
    await call(room, 'edge-1', '', () => approveShown(room.service, 'edge-1', eve))
    const limits = { maxPending: 4, maxPendingPerSource: 4, pendingTimeout: 60_000, pendingLifetime: 60_000 }
    room.service.configure([configuredDevice('edge-1', { pins })], limits, { maxSessions: 10 })
    expect((await call(room, 'edge-1')).sent).toEqual(['secret-of-default'])
  })

  it('known_hosts', async () => {
    const anchors = anchorsWith({ knownHosts: [`edge-1 ${publicLine}`] })
    const room = await open({ anchors })
    await room.service.add({ deviceId: 'edge-1' }, eve)
    expect((await call(room, 'edge-1')).sent).toEqual(['secret-of-default'])
  })
})
