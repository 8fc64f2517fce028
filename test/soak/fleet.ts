import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { makeSshKey } from '../e2e/parts/ssh-keys.js'
import { type SshdDevice, startSshdDevice } from '../e2e/parts/sshd-device.js'
import { DEVICE_LOGIN } from '../fuzz/parts/attacked-bridge.js'
import { type Program, startProgram } from '../bench/parts/program.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const responder = fileURLToPath(new URL('../.build/rpc-responder', import.meta.url))

/** Devices that never leave by themselves, in one process. */
export const STABLE = 20

/** Groups in which the other devices come and go. */
export const GROUPS = 8

/** Devices on real sshd. */
const SSHD = 3

/** Ids of devices that are configured and never call. */
export const ABSENT: readonly string[] = Array.from({ length: 20 }, (_, at) => `absent-${at + 1}`)

export interface SoakFleet {
  /** Ids of devices that are there all the time. */
  readonly steady: readonly string[]
  /** Ids of those that come and go. */
  readonly fickle: readonly string[]
  /** As in a configuration file. */
  readonly configured: readonly { readonly id: string; readonly secret: string }[]
  readonly start: (port: number) => Promise<void>
  /** Kills the process of the next group, so that its links are lost, and starts it anew. */
  readonly churn: () => Promise<void>
  readonly stop: () => Promise<void>
}

const secretOf = (id: string): string => `s3cret-${id}`

/** @param count all simulated devices */
export function createFleet(count: number, directory: string): SoakFleet {
  const perGroup = Math.max(1, Math.floor((count - STABLE) / GROUPS))
  const idsOf = (group: string, size: number): string[] => Array.from({ length: size }, (_, at) => `${group}-${at + 1}`)
  const groups = Array.from({ length: GROUPS }, (_, at) => `group${at}`)
  const stable = idsOf('stable', STABLE)
  const real = idsOf('sshd', SSHD)
  const fickle = groups.flatMap((group) => idsOf(group, perGroup))
  const running = new Map<string, Program>()
  const sshd: SshdDevice[] = []
  let port = 0
  let next = 0

  const simulate = (group: string, size: number): void => {
    const options = {
      count: String(size),
      to: `127.0.0.1:${port}`,
      'id-prefix': `${group}-`,
      secret: secretOf('{id}'),
      username: DEVICE_LOGIN.username,
      password: DEVICE_LOGIN.password,
      'host-key-dir': `${directory}/${group}`,
      'redial-delay': '1s',
      'retry-delay': '3s',
      jitter: '1',
      stagger: '15ms',
    }
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    running.set(group, startProgram([process.execPath, main, 'simulate', ...words], ['ignore', 'ignore', 'ignore']))
  }
  const sizeOf = (group: string): number => (group === 'stable' ? STABLE : perGroup)

  return {
    steady: [...stable, ...real],
    fickle,
    configured: [...stable, ...real, ...fickle, ...ABSENT].map((id) => ({ id, secret: secretOf(id) })),
    start: async (to) => {
      port = to
      for (const group of ['stable', ...groups]) simulate(group, sizeOf(group))
      for (const deviceId of real) {
        const keys = `${directory}/${deviceId}`
        await mkdir(keys, { recursive: true })
        sshd.push(
          await startSshdDevice({
            deviceId,
            bridge: { host: '127.0.0.1', port },
            hostKeys: [await makeSshKey(keys, 'ed25519', 'host')],
            login: { user: DEVICE_LOGIN.username, password: DEVICE_LOGIN.password },
            subsystems: { netconf: responder },
            preamble: 'junos-secret',
            secret: secretOf(deviceId),
          }),
        )
      }
    },
    churn: async () => {
      const group = groups[next % groups.length] as string
      next += 1
      await running.get(group)?.stop()
      simulate(group, perGroup)
    },
    stop: async () => {
      await Promise.all([...running.values()].map((program) => program.stop()))
      for (const device of sshd) await device.stop()
    },
  }
}
