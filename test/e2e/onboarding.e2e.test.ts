import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

describe('homeport onboard', () => {
  it('makes a secret and adds the device, which then attaches without another step', async () => {
    const bridge = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
        users: [opsUser()],
        trust: { 'first-use': 'refuse' },
      }),
    )
    const { stdout, status } = await operate(bridge, 'onboard', 'router7', '--bridge', 'bridge.example')
    expect(status).toBe(0)
    const secret = /^set system services outbound-ssh client \S+ secret (\S+)$/m.exec(stdout)?.[1] ?? ''
    expect(secret).toMatch(/^[\w-]{43}$/)

    const keys = await makeTempDir('keys')
    own({ stop: keys.remove })
    own(
      await startSshdDevice({
        deviceId: 'router7',
        bridge: { host: bridge.host, port: bridge.callHomePort },
        preamble: 'junos-secret',
        secret,
        hostKeys: [await makeSshKey(keys.path, 'rsa')],
        login: deviceLogin,
        subsystems: { netconf: byteSubsystem.echo() },
      }),
    )
    await bridge.logged(/^link attached/, { deviceId: 'router7' })
    const client = own(await login(bridge, 'router7'))
    const channel = await openNetconf(client)
    const echoed = once(channel, 'data')
    channel.write('onboarded')
    expect(String(await echoed)).toBe('onboarded')

    // Another run, beside the bridge that has the device's link, prints the same.
    const again = await operate(bridge, 'onboard', 'Router7', '--bridge', 'bridge.example')
    const lines = (text: string): readonly string[] => text.split('\n').filter((line) => !line.startsWith('# '))
    expect([again.status, lines(again.stdout)]).toEqual([0, lines(stdout)])

    // It is shown to whoever may read the store: neither the log nor the API ever says it.
    const shown = await operate(bridge, 'devices', 'show', 'router7', '--json')
    expect(shown.stdout).toContain('router7')
    expect(`${shown.stdout}${bridge.lines.all.join('\n')}`).not.toContain(secret)
  })
})
