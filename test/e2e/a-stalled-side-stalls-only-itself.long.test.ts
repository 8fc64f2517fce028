import { once } from 'node:events'
import type { Client, ClientChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startAttachedDevice } from './support/attached-device.js'
import type { RunningBridge } from './support/bridge.js'
import { openWithHugeWindow, stopReading } from './support/huge-window.js'
import { endAfterEach } from './support/resources.js'
import { login, openCommand, openNetconf, readAll } from './support/test-client.js'

const MiB = 1024 * 1024
const own = endAfterEach()

/** Growth of the bridge that one stalled session may cause. */
const allowedGrowth = 16 * MiB

/** The subsystem reads nothing; the command `netconf` writes back what it reads. */
const deafSubsystem = [
  `ForceCommand case "$SSH_ORIGINAL_COMMAND" in netconf) ${byteSubsystem.echo()};; *) ${byteSubsystem.deaf()};; esac`,
]

describe('a side that stops reading stalls only its own session', () => {
  it('a client that grants a huge window and reads nothing', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.send(512 * MiB) }))
    const receiveMuch = async (): Promise<void> => {
      const client = await login(bridge, 'router1')
      await received(await openNetconf(client), 128 * MiB)
      await loggedOut(client)
    }
    const before = await memoryAfter(bridge, receiveMuch)

    const stalled = own(await login(bridge, 'router1'))
    const channel = await openWithHugeWindow(stalled)
    await once(channel, 'data')
    stopReading(stalled)

    await receiveMuch()
    expect((await bridge.residentMemory()) - before).toBeLessThan(allowedGrowth)
  })

  it('a device that reads nothing', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: 'any', device: { config: deafSubsystem } }))
    const echoMuch = async (): Promise<void> => {
      const client = await login(bridge, 'router1')
      const channel = await openCommand(client, 'netconf')
      sendForever(channel)
      await received(channel, 128 * MiB)
      await loggedOut(client)
    }
    const before = await memoryAfter(bridge, echoMuch)

    const client = own(await login(bridge, 'router1'))
    const sent = sendForever(await openNetconf(client))

    await echoMuch()
    expect((await bridge.residentMemory()) - before).toBeLessThan(allowedGrowth)
    expect(sent()).toBeLessThan(allowedGrowth)
  })

  it('a device that is frozen as a whole holds back its clients, and the bridge drops it by keepalive', async () => {
    const { bridge, device } = own(
      await startAttachedDevice({
        netconf: byteSubsystem.sink(),
        device: { proxied: true, redialDelay: 'never' },
        config: { link: { 'keepalive-interval': '500ms', 'keepalive-count-max': 2 } },
      }),
    )
    const sendMuch = async (): Promise<void> => {
      const client = await login(bridge, 'router1')
      const channel = await openNetconf(client)
      channel.end(Buffer.alloc(64 * MiB))
      await readAll(channel)
      await loggedOut(client)
    }
    const before = await memoryAfter(bridge, sendMuch)
    const client = own(await login(bridge, 'router1'))
    const channel = await openNetconf(client)
    const ended = readAll(channel)
    device.freeze()
    sendForever(channel)
    await bridge.logged(/^link detached/, { reason: 'keepalive-timeout' })
    expect((await bridge.residentMemory()) - before).toBeLessThan(allowedGrowth)
    const { errors, status } = await ended
    expect(errors).toMatch(/the link to "router1" ended: the device answered no keepalive probe/)
    expect(status).toBe(1)
  })
})

/** Resident memory once the same work that follows, twice at a time, has grown the heap to its working size. */
async function memoryAfter(bridge: RunningBridge, work: () => Promise<void>): Promise<number> {
  await Promise.all([work(), work()])
  await Promise.all([work(), work()])
  return await bridge.residentMemory()
}

async function loggedOut(client: Client): Promise<void> {
  client.end()
  await once(client, 'close')
}

/** Settles when so many bytes have come. */
function received(channel: ClientChannel, bytes: number): Promise<void> {
  let left = bytes
  return new Promise((resolve) => {
    channel.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left <= 0) resolve()
    })
  })
}

/** Sends as much as the other side takes; the answer tells how much that was so far. */
function sendForever(channel: ClientChannel): () => number {
  const chunk = Buffer.alloc(64 * 1024)
  let sent = 0
  const feed = (): void => {
    while (channel.writable) {
      sent += chunk.length
      if (!channel.write(chunk)) return
    }
  }
  channel.on('drain', feed)
  feed()
  return () => sent
}
