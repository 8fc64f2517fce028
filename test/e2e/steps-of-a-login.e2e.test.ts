import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'

const own = endAfterEach()

/** A bridge with a key and a password, and a real sshd that wants these of it. */
async function startWith(authenticationMethods: string, types: readonly ('ed25519' | 'rsa')[] = ['ed25519']) {
  const keys = own(await makeTempDir('steps').then((dir) => ({ ...dir, stop: dir.remove })))
  const hostKey = await makeSshKey(keys.path, 'ed25519', 'host')
  const loginKeys = await Promise.all(types.map((type) => makeSshKey(keys.path, type, `login-${type}`)))
  const bridge = own(
    await startBridge({
      credentials: {
        default: { username: deviceLogin.user, password: deviceLogin.password, 'private-key': loginKeys[0]?.path },
      },
      devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }],
    }),
  )
  const device = own(
    await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      hostKeys: [hostKey],
      login: { ...deviceLogin, authorizedKeys: loginKeys.map(({ publicKey }) => publicKey) },
      subsystems: { netconf: byteSubsystem.echo() },
      config: [`AuthenticationMethods ${authenticationMethods}`],
      redialDelay: 'never',
    }),
  )
  return { bridge, device }
}

describe('a real sshd that wants two steps', () => {
  it.each([
    ['password,publickey', 'ed25519'],
    ['publickey,password', 'ed25519'],
    ['password,publickey', 'rsa'],
    ['publickey,password', 'rsa'],
  ] as const)('has them: %s with %s', async (methods, type) => {
    const { bridge, device } = await startWith(methods, [type])
    await bridge.logged(/^link attached/, { deviceId: 'router1' })
    const log = device.log.all.join('\n')
    expect(log).toMatch(/Accepted (password|publickey) for netconf/)
    expect(log).toMatch(/Partial (password|publickey) for netconf/)
  })

  it('is refused where one of them is not there, with what it accepted and what it asked for then', async () => {
    const { bridge } = await startWith('password,publickey,publickey')
    const refusal = await bridge.logged(/^call refused/, { claimed: 'router1', reason: 'login-failed' })
    expect(refusal.msg).toMatch(
      /as "netconf"; it accepted password, publickey ssh-ed25519 SHA256:\S+ and then asked for publickey/,
    )
    expect(bridge.lines.all.join('\n')).not.toContain(deviceLogin.password)
  })
})
