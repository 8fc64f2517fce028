import { expect, it } from 'vitest'
import { rawPeer } from '../ssh/support/raw-peer.js'
import { openCallHome } from './support/call-home.js'

it.each([21, 30, 31, 49])('a device that sends message %i before its KEXINIT is told what it did', async (number) => {
  const room = await openCallHome()
  try {
    const refused = room.refused()
    const device = rawPeer(await room.dial())
    device.send(Buffer.from([number, 0, 0, 0, 0]))
    expect(await refused).toMatchObject({
      reason: 'handshake-failed',
      message: 'key exchange failed: it sent a message of a key exchange before it began one',
    })
  } finally {
    await room.stop()
  }
})
