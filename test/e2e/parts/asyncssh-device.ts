import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { collectLines, type Lines } from './lines.js'
import { dyingWithUs, killGroup } from './processes.js'
import type { SshKey } from './ssh-keys.js'
import type { Address } from './sshd-device.js'

export type AsyncsshDevice = {
  /** `exchange N` at each key exchange. */
  readonly log: Lines
  readonly stop: () => Promise<void>
}

const script = fileURLToPath(new URL('./asyncssh_device.py', import.meta.url))

/**
 * A device on Debian's asyncssh that calls home once, without an initiation sequence, and echoes on its subsystem
 * netconf.
 */
export function startAsyncsshDevice(options: {
  readonly bridge: Address
  readonly hostKey: SshKey
  /** Bytes after which it exchanges keys anew. */
  readonly rekeyBytes: number
}): AsyncsshDevice {
  const { bridge, hostKey, rekeyBytes } = options
  const task = JSON.stringify({ ...bridge, hostKey: hostKey.path, rekeyBytes })
  const [command, args] = dyingWithUs(['/usr/bin/python3', '-B', script, task])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const log = collectLines('asyncssh-device')
  log.add(child.stdout)
  log.add(child.stderr)
  return { log, stop: () => killGroup(child) }
}
