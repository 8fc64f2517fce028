import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { LinkRefusal } from '../../src/fleet/refusals/call-home.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { kexInit, rawPeer } from '../ssh/support/raw-peer.js'
import { configuredDevice, openCallHome } from './support/call-home.js'

const own = endAfterEach()

/** A call-home listener that knows `router1` and nothing that proves it, on a free port. */
async function startListener() {
  return own(await openCallHome({ configured: [configuredDevice('router1')], maxQueuedHandshakes: 2 }))
}

describe('a call that breaks off', () => {
  it('by a reset after its claim was read is refused once and throws nothing', async () => {
    const { fleet, dial, refused } = await startListener()
    const refusals: LinkRefusal[] = []
    fleet.subscribe({ refused: (refusal) => refusals.push(refusal) })
    const device = await dial()
    device.write('DEVICE-ID: router1\r\nSSH-2.0-x\r\n')
    // The bridge has started SSH: its claim is read.
    await once(device, 'data')
    const refusal = refused()
    device.resetAndDestroy()
    expect(await refusal).toMatchObject({ reason: 'handshake-failed', deviceId: 'router1' })
    expect((await fleet.device('router1'))?.lastRefusal?.refusal).toMatchObject({ reason: 'handshake-failed' })
    const next = refused()
    ;(await dial()).end()
    await next
    expect(refusals.map(({ reason }) => reason)).toEqual(['handshake-failed', 'sent-nothing'])
  })

  it.each(['is reset', 'is ended'])(
    'with lists that have nothing in common tells so, however soon it %s',
    async (how) => {
      const { dial, refused } = await startListener()
      const device = await dial()
      const refusal = refused()
      device.write('DEVICE-ID: router1\r\n')
      rawPeer(device).send(kexInit({ kex: ['unheard-of'] }))
      // It has seen the bridge's lists, and its own are not worked on yet.
      await once(device, 'data')
      if (how === 'is reset') device.resetAndDestroy()
      else device.end()
      expect(await refusal).toMatchObject({
        reason: 'no-common-algorithm',
        message: expect.stringMatching(/the device offers unheard-of; the bridge takes/) as string,
      })
    },
  )

  it('frees its place among the handshakes', async () => {
    const { dial, refused } = await startListener()
    const held = [await dial(), await dial()]
    const surplus = refused()
    const closed = await dial()
    expect(await surplus).toMatchObject({ reason: 'too-many-handshakes' })
    if (!closed.destroyed) {
      closed.resume()
      await new Promise((done) => closed.once('close', done))
    }
    for (const socket of held) {
      const freed = refused()
      socket.end()
      expect(await freed).toMatchObject({ reason: 'sent-nothing' })
    }
    const served = await dial()
    served.write('SSH-2.0-x\r\n')
    expect(String(await once(served, 'data'))).toMatch(/^SSH-2\.0-/)
  })

  it('because the bridge takes no key of the announced type is refused before key exchange', async () => {
    const { dial, refused } = await startListener()
    const type = Buffer.from('ssh-dss')
    const blob = Buffer.concat([Buffer.from([0, 0, 0, type.length]), type, Buffer.alloc(40)]).toString('base64')
    const device = await dial()
    const refusal = refused()
    device.write(`DEVICE-ID: router1\r\nHOST-KEY: ssh-dss ${blob}\r\nSSH-2.0-x\r\n`)
    expect(await refusal).toMatchObject({ reason: 'unsupported-host-key', deviceId: 'router1' })
  })

  it('because the bridge stops closes the connection', async () => {
    const { listener, dial, refused } = await startListener()
    const device = await dial()
    device.write('DEVICE-ID: router1\r\nSSH-2.0-x\r\n')
    await once(device, 'data')
    const refusal = refused()
    const closed = new Promise((done) => device.once('close', done))
    device.resume()
    listener.close()
    expect(await refusal).toMatchObject({ deviceId: 'router1' })
    await closed
  })
})
