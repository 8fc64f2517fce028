import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startSsh } from './parts/clients.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'

const own = endAfterEach()

describe('a link that breaks', () => {
  it.each([
    ['with FIN, by the death of its sshd', false],
    ['with a reset', true],
  ])(
    'in the middle of an RPC, %s: the client is told within 5 s, and the next session works',
    async (_name, proxied) => {
      const { bridge, device } = own(
        await startAttachedDevice({ netconf: byteSubsystem.echo(), device: { proxied, redialDelay: 200 } }),
      )
      const ssh = startSsh(clientLogin(bridge, 'router1'))
      await ssh.write('<rpc')
      await ssh.output('<rpc')
      const from = bridge.lines.all.length
      device.cut()
      const { stderr, status } = await ssh.ended(5_000)
      expect(stderr).toMatch(/^homeport: the link to "router1" ended: .*$/m)
      expect(status).toBe(1)
      await bridge.logged(/^link detached/, { deviceId: 'router1', reason: 'lost' }, { from })

      // No wait for the new link here: the bridge holds the client until the device has called home again.
      const client = own(await login(bridge, 'router1'))
      const channel = await openNetconf(client)
      const echoed = once(channel, 'data')
      channel.write('after the loss')
      expect(String(await echoed)).toBe('after the loss')
      await bridge.logged(/^link attached/, { deviceId: 'router1' }, { from })
    },
  )

  it('half-open, and the device dials again: the new link serves at once, sessions of the old one are told', async () => {
    const { bridge, device } = own(
      await startAttachedDevice({ netconf: byteSubsystem.echo(), device: { proxied: true } }),
    )
    const client = own(await login(bridge, 'router1'))
    const stuck = await openNetconf(client)
    const ended = readAll(stuck)
    device.freeze()
    stuck.write('nobody hears this')
    await device.dialAgain()
    await bridge.logged(/^link replaced/, { deviceId: 'router1', sessions: 1 })
    expect((await ended).errors).toMatch(/the link to "router1" ended: the device dialled in again/)

    const channel = await openNetconf(client)
    const echoed = once(channel, 'data')
    channel.write('on the new link')
    expect(String(await echoed)).toBe('on the new link')
  })

  it('a session that was being opened on a half-open link is opened on the new one', async () => {
    const { bridge, device } = own(
      await startAttachedDevice({ netconf: byteSubsystem.echo(), device: { proxied: true } }),
    )
    device.freeze()
    const client = own(await login(bridge, 'router1'))
    const opening = openNetconf(client)
    await bridge.logged(/^client authenticated/)
    await device.dialAgain()
    const channel = await opening
    const echoed = once(channel, 'data')
    channel.write('carried over')
    expect(String(await echoed)).toBe('carried over')
  })
})

describe('a device that calls home twice at a time', () => {
  it('has one of its links kept, with the sessions on it, while the other one dials and dials', async () => {
    const { bridge, device, hostKey, secret } = own(
      await startAttachedDevice({ netconf: byteSubsystem.echo(), config: { link: { 'replace-wait': '300ms' } } }),
    )
    const twin = own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        preamble: 'junos-secret',
        secret,
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: { netconf: byteSubsystem.echo() },
      }),
    )
    await bridge.logged(/./, { reason: 'identity-contested', deviceId: 'router1' })
    const client = own(await login(bridge, 'router1'))
    const channel = await openNetconf(client)
    const dials = device.dials() + twin.dials()
    await waitFor('another dial', () => device.dials() + twin.dials() > dials, 30_000)
    const echoed = once(channel, 'data')
    channel.write('still here')
    expect(String(await echoed)).toBe('still here')
    // Before the bridge took notice they took turns some sixty times a second.
    expect(bridge.log().filter(({ msg }) => msg.startsWith('link replaced')).length).toBeLessThanOrEqual(2)
  })
})

describe('a stranger who claims the id of a live device', () => {
  it.each([
    ['with another host key and no HMAC', 'junos', undefined, 'missing-hmac'],
    ['with another host key and a wrong secret', 'junos-secret', 'guessed', 'wrong-hmac'],
    ['with another host key and the right secret', 'junos-secret', 'secret-of-the-device', 'host-key-not-pinned'],
  ] as const)('%s is refused and logged, and the live sessions go on', async (_name, preamble, secret, reason) => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const client = own(await login(bridge, 'router1'))
    const channel = await openNetconf(client)

    const keys = await makeTempDir('stranger')
    const stranger = own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        preamble,
        ...(secret === undefined ? {} : { secret }),
        hostKeys: [await makeSshKey(keys.path, 'ed25519')],
        login: { user: 'netconf', password: 'pw-device' },
        subsystems: { netconf: byteSubsystem.send(10) },
        redialDelay: 'never',
      }),
    )
    const refusal = await bridge.logged(/^call refused/, { claimed: 'router1' })
    await keys.remove()
    expect(refusal['reason']).toBe(reason)
    expect(refusal['hint']).not.toBe('')
    // Nothing was sent to log in with before the host key was judged.
    await stranger.stop()
    expect(stranger.log.all.join('\n')).not.toMatch(/userauth-request/)

    const echoed = once(channel, 'data')
    channel.write('undisturbed')
    expect(String(await echoed)).toBe('undisturbed')
    expect(bridge.log().filter(({ msg }) => /^link (replaced|detached)/.test(msg))).toEqual([])
  })

  it('a replayed initiation sequence with another key in key exchange is refused', async () => {
    const { bridge, hostKey, secret } = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const keys = await makeTempDir('stranger')
    own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        preamble: 'junos-secret',
        secret,
        announced: hostKey,
        hostKeys: [await makeSshKey(keys.path, 'ed25519')],
        login: { user: 'netconf', password: 'pw-device' },
        subsystems: {},
        redialDelay: 'never',
      }),
    )
    await bridge.logged(/^call refused/, { claimed: 'router1', reason: 'announced-key-not-presented' })
    await keys.remove()
  })
})

describe('which host key a device proves', () => {
  it('an announced RSA key is asked for although the device has Ed25519 too, and vouches by HMAC alone', async () => {
    const keys = await makeTempDir('rsa')
    const hostKeys = [await makeSshKey(keys.path, 'rsa'), await makeSshKey(keys.path, 'ed25519')]
    const { bridge } = own(
      await startAttachedDevice({
        netconf: byteSubsystem.echo(),
        device: { hostKeys },
        config: { devices: [{ id: 'router1', secret: 'secret-of-the-device' }] },
      }),
    )
    await keys.remove()
    expect(bridge.log().filter(({ msg }) => msg.startsWith('call refused'))).toEqual([])
  })

  it('a device without an initiation sequence is found by its pinned host key', async () => {
    const keys = await makeTempDir('pinned')
    const hostKey = await makeSshKey(keys.path, 'ecdsa')
    own(
      await startAttachedDevice({
        netconf: byteSubsystem.echo(),
        device: { hostKeys: [hostKey], preamble: 'none' },
        config: { devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }] },
      }),
    )
    await keys.remove()
  })

  it('the bridge logs in with a private key where one is configured', async () => {
    const keys = await makeTempDir('login-key')
    const key = await makeSshKey(keys.path, 'ed25519')
    const { device } = own(
      await startAttachedDevice({
        netconf: byteSubsystem.echo(),
        device: { login: { user: 'netconf', authorizedKeys: [key.publicKey] } },
        config: { credentials: { default: { username: 'netconf', 'private-key': key.path } } },
      }),
    )
    await keys.remove()
    expect(device.log.all.join('\n')).toMatch(/Accepted publickey for netconf/)
  })

  it('a device that refuses the credentials is refused itself, with the reason', async () => {
    const { bridge, device } = own(
      await startAttachedDevice({ netconf: byteSubsystem.echo(), device: { redialDelay: 50 } }),
    )
    const config = {
      credentials: { default: { username: 'netconf', password: 'not-the-password' } },
      devices: [{ id: 'router1', secret: 'secret-of-the-device' }],
    }
    await bridge.reload(config)
    device.cut()
    const refusal = await bridge.logged(/^call refused/, { claimed: 'router1' })
    expect(refusal['reason']).toBe('login-failed')
    expect(bridge.lines.all.join('\n')).not.toContain('not-the-password')
  })
})
