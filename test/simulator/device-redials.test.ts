import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { beginCallHomeTest, type CallHomeTest, ended, happens, session } from './support/call-home-test.js'
import { createManualClock } from './support/manual-clock.js'
import { tags } from './support/netconf-client.js'

let home: CallHomeTest
beforeEach(async () => {
  home = await beginCallHomeTest()
})
afterEach(() => home.end())

describe('dialling again', () => {
  test('after the redial delay when the connection ends, and sessions are gone', async () => {
    const clock = createManualClock()
    const device = home.start({ clock, redialDelay: 5_000 })
    const client = await home.bridge.logIn()
    const open = await session(client)
    await open.ask('<lock><target><running/></target></lock>')
    const redialling = happens(device, 'redialling')
    client.destroy()
    expect(await redialling).toEqual({ inMs: 5_000 })
    expect(device.netconf.sessions()).toEqual([])
    const dialling = happens(device, 'dialling')
    clock.advance(5_000)
    expect(await dialling).toEqual({ attempt: 2 })
    const again = await home.bridge.logIn()
    expect(tags(await (await session(again)).ask('<lock><target><running/></target></lock>'))).toEqual([])
    again.end()
  })

  test('after disconnect, with jitter', async () => {
    const clock = createManualClock()
    const device = home.start({ clock, redialDelay: 1_000, jitter: 0.5, random: () => 0.5 })
    const client = await home.bridge.logIn()
    const redialling = happens(device, 'redialling')
    device.disconnect()
    expect(await redialling).toEqual({ inMs: 1_250 })
    client.destroy()
  })

  test('every 15 seconds while it is refused or not logged in', async () => {
    const closed = createServer()
    closed.listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const address = closed.address()
    closed.close()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const clock = createManualClock()
    const refused = home.start({ clock, bridge: { host: '127.0.0.1', port } })
    const [news, redialling] = await Promise.all([happens(refused, 'refused'), happens(refused, 'redialling')])
    expect([news.cause, redialling.inMs]).toEqual([expect.stringContaining('ECONNREFUSED'), 15_000])

    const stranger = home.start({ clock, id: 'stranger' })
    const again = happens(stranger, 'redialling')
    ;(await home.bridge.accept()).destroy()
    expect(await again).toEqual({ inMs: 15_000 })
  })

  test('not any more once it is stopped', async () => {
    const device = home.start()
    const client = await home.bridge.logIn()
    const closed = ended(client)
    await device.stop()
    await closed
    const dialled = happens(device, 'dialling').then(() => 'dialled')
    device.redial()
    expect(await Promise.race([dialled, new Promise((resolve) => setImmediate(resolve, 'quiet'))])).toBe('quiet')
  })
})
