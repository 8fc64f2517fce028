import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { collectLines, type Lines } from './lines.js'
import { gone } from './processes.js'

const run = promisify(execFile)

/** The environment of podman, and of what calls it. */
export const PODMAN_ENVIRONMENT = { ...process.env, CONTAINERS_CONF: join(import.meta.dirname, 'containers.conf') }

/** The timers of health checks are systemd's, which need not be there. */
export const NO_HEALTH_TIMER = '--health-interval=disable'

/** How a container ended, or a command in it. */
export type Answer = { readonly status: number; readonly stdout: string; readonly stderr: string }

export type Container = {
  readonly name: string
  /** What it writes, its standard error included. */
  readonly lines: Lines
  /** Its address in its network. */
  readonly address: () => Promise<string>
  /** Runs a command in it. */
  readonly exec: (...words: readonly string[]) => Promise<Answer>
  /** What its health check says, as the engine runs it. */
  readonly health: () => Promise<Answer>
  readonly signal: (signal: 'HUP' | 'TERM') => Promise<void>
  /** The exit status of its first process, once that has ended. */
  readonly ended: Promise<number>
  /** Removes it, whatever state it is in. */
  readonly remove: () => Promise<void>
}

export type ContainerOptions = {
  readonly image: string
  readonly name: string
  /** One of the test's own: podman's default has an address that another podman's bridge may have left behind. */
  readonly network: string
  /** Options of `podman run`. */
  readonly options: readonly string[]
  /** What takes the place of the image's command. */
  readonly command?: readonly string[]
}

/** Answers of podman, also of commands that fail. */
export async function podman(...words: readonly string[]): Promise<Answer> {
  try {
    return { status: 0, ...(await run('podman', words, { env: PODMAN_ENVIRONMENT })) }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
    if (typeof code !== 'number') throw error
    return { status: code, stdout, stderr }
  }
}

/** The same for commands that have to work. @returns standard output without white space at its ends */
export async function mustPodman(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await podman(...words)
  if (status !== 0) throw new Error(`podman ${words.join(' ')}: status ${status}\n${stdout}\n${stderr}`)
  return stdout.trim()
}

/** Runs a container of an image, as strictly as docs/containers.md says: nothing of root, nothing to write but volumes. */
export function runContainer({ image, name, network, options, command = [] }: ContainerOptions): Container {
  const strictly = ['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges']
  const words = [
    'run',
    '--name',
    name,
    '--network',
    network,
    ...strictly,
    NO_HEALTH_TIMER,
    ...options,
    image,
    ...command,
  ]
  const child = spawn('podman', words, { env: PODMAN_ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines = collectLines(`container ${name}`)
  lines.add(child.stdout)
  lines.add(child.stderr)
  return {
    name,
    lines,
    address: () => mustPodman('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name),
    exec: (...asked) => podman('exec', name, ...asked),
    health: () => podman('healthcheck', 'run', name),
    signal: async (signal) => void (await mustPodman('kill', '--signal', signal, name)),
    ended: gone(child).then(() => child.exitCode ?? -1),
    remove: async () => {
      await mustPodman('rm', '--force', '--ignore', '--volumes', '--time', '0', name)
      await gone(child)
    },
  }
}
