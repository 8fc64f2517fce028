import type { Client } from 'ssh2'
import { describe, expect, it, vi } from 'vitest'
import { startAttachedDevice } from './support/attached-device.js'
import { metricsOf } from './support/metrics.js'
import { curl } from './support/http-api.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'
import { cheapPasswordHash, ops } from './support/users.js'

const own = endAfterEach()

const role = (as?: string) => ({ devices: ['*'], operations: ['*'], ...(as === undefined ? {} : { as }) })

/** Users that are named after their roles, with the password of `ops`. */
function users(...lists: readonly (readonly string[])[]) {
  return lists.map((roles) => ({ name: roles.join('-'), 'password-hash': cheapPasswordHash(ops.password), roles }))
}

describe('a role that names an account', () => {
  it('has its sessions on that account of the device alone, in a reload too', async () => {
    const roles = { viewer: role('read-only'), admin: role('full'), any: role() }
    const config = {
      link: { 'max-connections': 2, 'session-wait': '1s' },
      credentials: {
        full: { username: 'netconf', password: 'pw-device' },
        'read-only': { username: 'looker', password: 'pw-looker' },
      },
      users: users(['viewer'], ['admin'], ['any'], ['viewer', 'admin']),
      roles,
    }
    const device = { id: 'router1', secret: 'secret-of-the-device', credentials: ['full', 'read-only'] }
    const { bridge, device: sshd } = own(
      await startAttachedDevice({
        // The subsystem tells as whom it runs, and stays.
        netconf: 'echo "$USER"; exec cat',
        device: {
          proxied: true,
          redialDelay: 'never',
          login: { user: 'netconf', password: 'pw-device', others: [{ user: 'looker', password: 'pw-looker' }] },
        },
        config: { ...config, devices: [device], trust: { 'first-use': 'accept' } },
      }),
    )
    const as = async (user: string): Promise<Client> =>
      own(await login(bridge, 'router1', { username: `${user}@router1` }))
    /** As whom the device has let a user in, or why there is no session. */
    const accountOf = async (client: Client): Promise<string> => {
      const channel = await openNetconf(client).catch((error: Error) => error)
      if (channel instanceof Error) return channel.message
      const ended = readAll(channel)
      channel.end()
      const { output, errors } = await ended
      return `${output.toString()}${errors}`.trim()
    }
    const [viewer, admin, any, both] = [
      await as('viewer'),
      await as('admin'),
      await as('any'),
      await as('viewer-admin'),
    ]
    expect(await accountOf(admin)).toBe('netconf')
    // The device has one link so far.
    expect(await accountOf(viewer)).toMatch(/no link on the account "read-only", .*links on "full"/)
    const soon = accountOf(viewer)
    await sshd.dialAgain()
    await bridge.logged(/^link attached beside others/, { account: 'read-only' })
    expect(await soon).toBe('looker')
    expect([await accountOf(viewer), await accountOf(viewer), await accountOf(admin)]).toEqual([
      'looker',
      'looker',
      'netconf',
    ])
    expect(await accountOf(both)).toMatch(/name different accounts .*viewer names read-only, admin names full/)
    expect(new Set([await accountOf(any), await accountOf(any)])).toEqual(new Set(['looker', 'netconf']))
    const { links } = JSON.parse((await curl(bridge, '/api/v1/devices/router1', { method: 'GET' })).body) as {
      readonly links: readonly { readonly account: string }[]
    }
    expect(links.map(({ account }) => account)).toEqual(['full', 'read-only'])
    const refused = await metricsOf(bridge)
    expect(refused.get('homeport_sessions_refused_total{reason="no-link-with-account"}')).toBe(1)
    expect(refused.get('homeport_sessions_refused_total{reason="ambiguous-account"}')).toBe(1)

    const live = await openNetconf(viewer)
    const ended = readAll(live)
    await bridge.reload({
      ...config,
      roles: { ...roles, viewer: role('full') },
      devices: [device],
      trust: { 'first-use': 'accept' },
    })
    expect((await ended).errors).toMatch(/put its sessions on the account "full" of the device now/)
    expect(await accountOf(viewer)).toBe('netconf')
  })
})

describe('connections of a device with a list of accounts', () => {
  it('that come at the same moment have an account each, and keep it when all of them come anew', async () => {
    const names = ['first', 'second', 'third']
    const profile = { username: 'netconf', password: 'pw-device' }
    const { bridge, device } = own(
      await startAttachedDevice({
        netconf: 'exec cat',
        device: { proxied: true, redialDelay: 'never' },
        config: {
          link: { 'max-connections': 3 },
          credentials: Object.fromEntries(names.map((name) => [name, profile])),
          devices: [{ id: 'router1', secret: 'secret-of-the-device', credentials: names }],
          trust: { 'first-use': 'accept' },
        },
      }),
    )
    const shown = async () =>
      JSON.parse((await curl(bridge, '/api/v1/devices/router1', { method: 'GET' })).body) as {
        readonly links: readonly { readonly number: number; readonly account: string }[]
      }
    await Promise.all([device.dialAgain(), device.dialAgain()])
    await bridge.logged(/^link attached beside others/, { link: 3 })
    expect((await shown()).links.map(({ account }) => account).toSorted()).toEqual(names.toSorted())
    await Promise.all([device.dialAgain(), device.dialAgain(), device.dialAgain()])
    await vi.waitFor(async () => expect((await shown()).links.map(({ number }) => number)).toEqual([4, 5, 6]), 10_000)
    const { links } = await shown()
    expect(links.map(({ number }) => number)).toEqual([4, 5, 6])
    expect(links.map(({ account }) => account).toSorted()).toEqual(names.toSorted())
  })
})
