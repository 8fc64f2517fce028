import { expect, it } from 'vitest'
import { hashedKnownHostsLine } from '../../src/ssh/known-hosts.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { LONGEST_TURN, leastOfTurns, measureLoopTurns } from '../support/loop-turn.js'
import { anchorsWith } from '../trust/support/known-devices.js'
import { configuredDevice, openCallHome } from './support/call-home.js'
import { callAsDevice, newDeviceKey } from './support/calling-device.js'

const own = endAfterEach()
const HOSTS = 12_000

it.each([
  ['by its key alone', ''],
  ['by its id', 'MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\n'],
])('do not hold up everybody when a device is known %s', async (_how, preamble) => {
  const key = newDeviceKey()
  const line = hashedKnownHostsLine('other', { type: 'ssh-ed25519', blob: key.blob })
  const anchors = anchorsWith({ knownHosts: Array.from({ length: HOSTS }, () => line) })
  const pins = [{ type: 'ssh-ed25519', blob: key.blob, comment: '' }]
  const room = own(
    await openCallHome({ configured: [configuredDevice('router1', { aliases: ['r1'], pins })], anchors }),
  )
  const turn = await leastOfTurns(async () => {
    const refused = room.refused()
    const socket = await room.dial()
    const turns = measureLoopTurns()
    socket.write(preamble)
    callAsDevice(socket, key)
    // It is proven, and has no credentials here.
    expect(await refused).toMatchObject({ reason: 'login-failed', deviceId: 'router1' })
    return turns.stop()
  })
  expect(turn).toBeLessThan(LONGEST_TURN)
})
