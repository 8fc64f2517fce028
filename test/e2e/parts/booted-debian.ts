import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { collectLines } from './lines.js'
import { dyingWithUs, gone } from './processes.js'
import { waitFor, within } from './wait-for.js'

const run = promisify(execFile)

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const cache = fileURLToPath(new URL('../../.build/', import.meta.url))

/** What the tests need besides the smallest Debian there is; systemd is what they are about. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'openssh-client']

/** Bytes that a command may write. */
const MOST_OUTPUT = 16 * 1024 * 1024

/** What a command in the booted system answered. */
export type Answer = { readonly status: number; readonly stdout: string; readonly stderr: string }

/**
 * A Debian that was booted by its own systemd, with a network of its own, in which changes last until it is stopped.
 */
export type BootedDebian = {
  /** Runs lines of a shell as root, to their end. */
  readonly shell: (lines: string) => Promise<Answer>
  /** The same; an exit status other than 0 is an error. @returns standard output without white space at its ends */
  readonly must: (lines: string) => Promise<string>
  readonly stop: () => Promise<void>
}

/**
 * Boots a Debian of this machine's release in systemd-nspawn, with Node and the repository's build as they are here:
 * the repository is `/opt/homeport`. The first time its packages are fetched, which takes a minute or two.
 */
export async function bootDebian(): Promise<BootedDebian> {
  const root = await debianRoot()
  // Where systemd is not there to make a unit for the container, it stays in ours.
  const unit = existsSync('/run/systemd/system') ? [] : ['--keep-unit']
  const container = spawn(
    ...dyingWithUs([
      ...asRoot('systemd-nspawn'),
      '--quiet',
      '--boot',
      '--register=no',
      ...unit,
      '--private-network',
      // Changes go into memory and are gone at the end.
      '--volatile=overlay',
      `--machine=homeport-test-${process.pid}`,
      `--directory=${root}`,
      `--bind-ro=${process.execPath}:/usr/bin/node`,
      `--bind-ro=${repository}:/opt/homeport`,
      'systemd.default_timeout_start_sec=300',
    ]),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const console = collectLines('systemd-nspawn')
  console.add(container.stdout)
  console.add(container.stderr)
  const stop = async (): Promise<void> => {
    container.kill('SIGTERM')
    await within(30_000, 'the container to end', gone(container)).catch(async () => {
      container.kill('SIGKILL')
      await gone(container)
    })
  }
  try {
    const leader = await Promise.race([
      waitFor('the first process of the container', () => childOf(container.pid ?? 0), 30_000),
      gone(container).then(() => Promise.reject(new Error('it ended'))),
    ])
    const enter = ['-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w']
    const shell = async (lines: string): Promise<Answer> => {
      const [command, ...words] = asRoot('nsenter')
      try {
        return {
          status: 0,
          ...(await run(command, [...words, ...enter, '/bin/sh', '-c', lines], { maxBuffer: MOST_OUTPUT })),
        }
      } catch (error) {
        const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
        if (typeof code !== 'number') throw error
        return { status: code, stdout, stderr }
      }
    }
    await waitFor(
      'Debian to boot',
      async () => /^(running|degraded)/.test((await shell('systemctl is-system-running')).stdout),
      120_000,
    )
    const must = async (lines: string): Promise<string> => {
      const { status, stdout, stderr } = await shell(lines)
      if (status !== 0) throw new Error(`status ${status} of: ${lines}\n${stdout}\n${stderr}`)
      return stdout.trim()
    }
    return { shell, must, stop }
  } catch (error) {
    await stop()
    throw new Error(
      `cannot boot a Debian by systemd-nspawn, which needs root, cgroups and overlayfs on this machine:\n${console.all.slice(-20).join('\n')}`,
      { cause: error },
    )
  }
}

/** The root directory of a smallest Debian, made where it is not there yet. */
async function debianRoot(): Promise<string> {
  const release = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
  const root = `${cache}debian-${release}`
  if (existsSync(root)) return root
  const unfinished = `${root}.${process.pid}`
  await mkdir(cache, { recursive: true })
  const [command, ...words] = asRoot('debootstrap')
  const wanted = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, release, unfinished]
  try {
    await run(command, [...words, ...wanted], { maxBuffer: MOST_OUTPUT })
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw new Error('debootstrap could not make a Debian to boot: it needs root and a mirror of Debian', {
      cause: error,
    })
  }
  await rename(unfinished, root)
  return root
}

/** A program run as root; whoever is not and may not become it is told by sudo. */
function asRoot(program: string): [string, ...string[]] {
  return process.getuid?.() === 0 ? [program] : ['sudo', '-n', program]
}

/** The systemd of the container: the first process below systemd-nspawn that sees itself as number 1. */
async function childOf(id: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${id}/task/${id}/children`, 'utf8').catch(() => '')
  for (const child of children.trim().split(' ').filter(Boolean).map(Number)) {
    const status = await readFile(`/proc/${child}/status`, 'utf8').catch(() => '')
    if (/^NSpid:\t\d+\t1$/m.test(status)) return child
    const below = await childOf(child)
    if (below !== undefined) return below
  }
  return undefined
}
