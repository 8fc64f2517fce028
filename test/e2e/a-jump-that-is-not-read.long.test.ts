import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { byteSubsystem, expectedHash } from './parts/byte-subsystem.js'
import { createHash } from 'node:crypto'
import { startAttachedDevice } from './support/attached-device.js'
import { openWithHugeWindow, stopReading } from './support/huge-window.js'
import { jump, way } from './support/jump.js'
import { endAfterEach } from './support/resources.js'
import { closeOf, login, openNetconf } from './support/test-client.js'

const MiB = 1024 * 1024
const own = endAfterEach()

describe('a connection inside another one', () => {
  it('carries every octet', async () => {
    const size = 64 * MiB
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.send(size) }))
    const { inner } = own(await jump(bridge))
    const channel = await openNetconf(inner)
    const hash = createHash('sha256')
    channel.on('data', (bytes: Buffer) => hash.update(bytes))
    await once(channel, 'end')
    expect(hash.digest('hex')).toBe(expectedHash(size))
  })

  it('holds back the device when its client reads nothing, however much that client allows', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.send(512 * MiB) }))
    const receiveMuch = async (): Promise<void> => {
      const { inner } = own(await jump(bridge))
      const channel = await openNetconf(inner)
      let left = 64 * MiB
      await new Promise<void>((resolve) => {
        channel.on('data', (bytes: Buffer) => {
          left -= bytes.length
          if (left <= 0) resolve()
        })
      })
      const gone = closeOf(inner)
      inner.end()
      await gone
    }
    await receiveMuch()
    await receiveMuch()
    const before = await bridge.residentMemory()
    const { outer, inner } = own(await jump(bridge))
    const channel = await openWithHugeWindow(inner)
    await once(channel, 'data')
    stopReading(outer)
    // Meanwhile others work, and what is unread stays with the device.
    await receiveMuch()
    expect((await bridge.residentMemory()) - before).toBeLessThan(24 * MiB)
  })

  it('ends with the one around it, and its session with it', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.deaf() }))
    const { outer, inner } = own(await jump(bridge))
    await openNetconf(inner)
    await bridge.logged(/^session opened/, { by: 'jump' })
    const gone = closeOf(inner)
    outer.destroy()
    await gone
    await bridge.logged(/^session closed/, { by: 'jump', endedBy: 'client' })
  })

  it('is one of a bounded number, and each counts as a connection', async () => {
    const { bridge } = own(
      await startAttachedDevice({
        netconf: byteSubsystem.deaf(),
        config: { endpoint: { ssh: { 'max-jumps-per-connection': 2, 'max-connections': 4 } } },
      }),
    )
    const { outer, inner } = own(await jump(bridge))
    await way(outer, 'ROUTER1', 22)
    await expect(way(outer, 'router1')).rejects.toThrow(/as many connections through this one are open as may be: 2/)
    await bridge.logged(/^jump refused/, { reason: 'too-many-jumps' })
    // One around and one inside are logged in, two more are four.
    own(await login(bridge, 'router1'))
    own(await login(bridge, 'router1'))
    await expect(login(bridge, 'router1')).rejects.toThrow()
    await bridge.logged(/^client refused: too many connections/)
    const gone = closeOf(inner)
    inner.end()
    await gone
    await expect.poll(() => way(outer, 'router1').then(() => 'open')).toBe('open')
  })
})
