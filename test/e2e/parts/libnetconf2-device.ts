import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { collectLines, type Lines } from './lines.js'
import { dyingWithUs, killGroup } from './processes.js'
import type { SshKey } from './ssh-keys.js'
import type { Address } from './sshd-device.js'

export type Libnetconf2DeviceOptions = {
  readonly bridge: Address
  readonly hostKey: SshKey
  readonly login: {
    readonly user: string
    /** Accepted password; at least one of the two ways must be given. */
    readonly password?: string
    /** Accepted public key. */
    readonly authorizedKey?: SshKey
  }
}

export type Libnetconf2Device = {
  /**
   * `session ID` when a NETCONF session is up (its hello was answered), `ended ID` when it is over; errors of the
   * library.
   */
  readonly log: Lines
  readonly stop: () => Promise<void>
}

const program = fileURLToPath(new URL('../../.build/libnetconf2-device', import.meta.url))
const ownModules = fileURLToPath(new URL('./yang', import.meta.url))

/**
 * A plain RFC 8071 device: no initiation sequence, libnetconf2 dials and dials again by itself. Resolves when it has
 * begun to dial. Its library opens a session as part of connecting, so the far end sees it only as long as somebody
 * opens channels in time.
 */
export async function startLibnetconf2Device(options: Libnetconf2DeviceOptions): Promise<Libnetconf2Device> {
  const { bridge, hostKey, login } = options
  const [command, args] = dyingWithUs([
    program,
    ...Object.entries({ h: bridge.host, p: String(bridge.port), k: hostKey.path, u: login.user }).flatMap(option),
    ...(login.password === undefined ? [] : option(['w', login.password])),
    ...(login.authorizedKey === undefined ? [] : option(['a', `${login.authorizedKey.path}.pub`])),
    ...['/usr/share/yuma/modules/ietf', ownModules].flatMap((path) => option(['m', path])),
  ])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const log = collectLines('libnetconf2-device')
  log.add(child.stdout)
  log.add(child.stderr)
  const stop = () => killGroup(child)
  try {
    await log.match(/^calling$/)
  } catch (error) {
    await stop()
    throw error
  }
  return { log, stop }
}

function option([name, value]: readonly [string, string]): string[] {
  return [`-${name}`, value]
}
