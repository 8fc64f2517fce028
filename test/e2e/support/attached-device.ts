import { makeSshKey, type SshKey } from '../parts/ssh-keys.js'
import { type SshdDevice, type SshdDeviceOptions, startSshdDevice } from '../parts/sshd-device.js'
import { makeTempDir } from '../parts/temp-dir.js'
import { type ConfigFile, type RunningBridge, startBridge } from './bridge.js'
import { opsUser } from './users.js'

/** What the bridge logs into the tests' devices with. */
export const deviceLogin = { user: 'netconf', password: 'pw-device' } as const

export type AttachedDevice = {
  readonly bridge: RunningBridge
  readonly device: SshdDevice
  readonly hostKey: SshKey
  readonly secret: string
  readonly stop: () => Promise<void>
}

export type AttachedDeviceOptions = {
  /** The subsystem `netconf` of the device. */
  readonly netconf: string
  readonly deviceId?: string
  readonly device?: Partial<SshdDeviceOptions>
  readonly config?: ConfigFile
  readonly nodeArguments?: readonly string[]
}

/** A bridge and a device on real sshd, which proves itself by host key and HMAC; resolves once its link is attached. */
export async function startAttachedDevice({
  netconf,
  deviceId = 'router1',
  device: deviceOptions = {},
  config = {},
  nodeArguments = [],
}: AttachedDeviceOptions): Promise<AttachedDevice> {
  const keys = await makeTempDir('keys')
  const secret = 'secret-of-the-device'
  const hostKey = await makeSshKey(keys.path, 'ed25519', 'host')
  const bridge = await startBridge(
    {
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: deviceId, secret, 'host-keys': [hostKey.publicKey] }],
      users: [opsUser()],
      ...config,
    },
    { nodeArguments },
  )
  const device = await startSshdDevice({
    deviceId,
    bridge: { host: bridge.host, port: bridge.callHomePort },
    preamble: 'junos-secret',
    secret,
    hostKeys: [hostKey],
    login: deviceLogin,
    subsystems: { netconf },
    config: ['MaxSessions 20'],
    ...deviceOptions,
  })
  const stop = async (): Promise<void> => {
    await device.stop()
    await bridge.stop()
    await keys.remove()
  }
  try {
    await bridge.logged(/^link attached/, { deviceId })
  } catch (error) {
    await stop()
    throw error
  }
  return { bridge, device, hostKey, secret, stop }
}
