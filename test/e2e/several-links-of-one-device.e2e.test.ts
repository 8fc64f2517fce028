import { once } from 'node:events'
import type { ClientChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startAttachedDevice } from './support/attached-device.js'
import { curl } from './support/http-api.js'
import { operate } from './support/homeport-command.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'

const own = endAfterEach()

/** A device on real sshd with one session a connection, which has dialled so often. */
async function startPool(dials: number, link: Readonly<Record<string, unknown>> = {}) {
  const attached = own(
    await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      device: { proxied: true, redialDelay: 'never', config: ['MaxSessions 1'] },
      config: { link: { 'max-connections': 2, 'max-sessions': 1, 'session-wait': '20s', ...link } },
    }),
  )
  const { bridge, device } = attached
  for (let dial = 2; dial <= dials; dial += 1) {
    await device.dialAgain()
    await bridge.logged(/^link attached beside others/, { deviceId: 'router1', link: dial })
  }
  return attached
}

async function echoes(channel: ClientChannel, text: string): Promise<void> {
  const echoed = once(channel, 'data')
  channel.write(text)
  expect(String(await echoed)).toBe(text)
}

describe('a device that dials twice', () => {
  it('has a pool of sessions, is one device everywhere, and one of its links can be ended', async () => {
    const { bridge } = await startPool(2)
    const client = own(await login(bridge, 'router1'))
    const [one, other] = [await openNetconf(client), await openNetconf(client)]
    await echoes(one, 'on one')
    await echoes(other, 'on the other')

    const listed = await operate(bridge, 'devices', 'list')
    expect(listed.stdout.match(/router1/g)).toHaveLength(1)
    expect(listed.stdout).toMatch(/attached .*, 2 links/)
    const { stdout: sheet } = await operate(bridge, 'devices', 'show', 'router1')
    expect(sheet).toMatch(/^link 1 +from 127\.0\.0\.1:\d+ since .*, 1 session, 0 queued$/m)
    expect(sheet).toMatch(/^link 2 +from 127\.0\.0\.1:\d+ since .*, 1 session, 0 queued$/m)
    expect(sheet.match(/^ {2}(logged in by|key exchange) /gm)).toHaveLength(4)
    const metrics = await metricsOf(bridge)
    expect(metrics.get('homeport_links')).toBe(2)
    expect(metrics.get('homeport_attached_devices')).toBe(1)

    const waiting = openNetconf(client)
    await Promise.race([waiting.then(() => expect.fail('no place was free')), echoes(other, 'meanwhile')])
    const ended = readAll(one)
    expect((await operate(bridge, 'devices', 'disconnect', 'router1', '--link', '1')).stdout).toBe(
      'disconnected: router1, link 1\n',
    )
    expect((await ended).errors).toMatch(/ended: disconnected by/)
    await bridge.logged(/^one of several links of the device detached/, { link: 1, links: 1, reason: 'disconnected' })
    await echoes(other, 'still there')
    // Whoever waits gets the first place that is free on any link.
    other.end()
    await echoes(await waiting, 'at last')
    const again = await curl(bridge, '/api/v1/devices/router1/disconnect?link=1')
    expect([again.status, again.body]).toEqual([503, expect.stringContaining('no link of the number 1')])
  })

  it('loses the link that is dead by keepalive alone, and the other serves on', async () => {
    const { bridge, device } = await startPool(2, { 'keepalive-interval': '400ms', 'keepalive-count-max': 2 })
    const client = own(await login(bridge, 'router1'))
    const channels = [await openNetconf(client), await openNetconf(client)]
    for (const channel of channels) await echoes(channel, 'here')
    const ends = channels.map(async (channel) => ({ channel, ...(await readAll(channel)) }))
    // That of the newest connection, which is the second link; which session it has the bridge alone knows.
    device.freeze()
    const dead = await bridge.logged(/^one of several links of the device detached/, { reason: 'keepalive-timeout' })
    expect(dead).toMatchObject({ link: 2, links: 1 })
    const { channel: ended, errors } = await Promise.race(ends)
    expect(errors).toMatch(/the device answered no keepalive/)
    for (const channel of channels) if (channel !== ended) await echoes(channel, 'still here')
    await device.dialAgain()
    await bridge.logged(/^link attached beside others/, { link: 3, links: 2 })
    await echoes(await openNetconf(client), 'on the new one')
    expect(bridge.log().filter(({ msg }) => /^link (replaced|detached)/.test(msg))).toEqual([])
  })

  it('and then once more has its oldest link replaced', async () => {
    const { bridge, device } = await startPool(2)
    await device.dialAgain()
    await bridge.logged(/^link replaced/, { deviceId: 'router1' })
    const { body } = await curl(bridge, '/api/v1/devices/router1', { method: 'GET' })
    const { links } = JSON.parse(body) as { readonly links: readonly { readonly number: number }[] }
    expect(links.map(({ number }) => number)).toEqual([2, 3])
  })
})
