import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { asRoot, debianRoot, type Release } from './debian-root.js'
import { collectLines } from './lines.js'
import { dyingWithUs, gone } from './processes.js'
import { waitFor, within } from './wait-for.js'

const run = promisify(execFile)

/** What the tests need besides the smallest Debian there is; systemd is what they are about. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'debconf', 'openssh-client', 'sudo']

/** Networks of the wires to containers: for tests between machines (RFC 2544), four addresses each. */
const WIRES = { first: 198 * 2 ** 24 + 18 * 2 ** 16, count: 2 ** 15 }

/** Of this machine's environment nothing is known there. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', HOME: '/root', LANG: 'C.UTF-8' }

/** Bytes that a command may write. */
const MOST_OUTPUT = 16 * 1024 * 1024

/** What a command in the booted system answered. */
export type Answer = { readonly status: number; readonly stdout: string; readonly stderr: string }

/**
 * A Debian that was booted by its own systemd, with a network of its own, in which changes last until it is stopped.
 */
export type BootedDebian = {
  /** Its address on a wire to this machine. */
  readonly address: string
  /** Runs lines of a shell as root, to their end. */
  readonly shell: (lines: string) => Promise<Answer>
  /** The same; an exit status other than 0 is an error. @returns standard output without white space at its ends */
  readonly must: (lines: string) => Promise<string>
  readonly stop: () => Promise<void>
}

/**
 * Boots a smallest Debian of a release in systemd-nspawn, without Node. The first time its packages are fetched, which
 * takes a minute or two.
 *
 * @param directories of this machine that are to be read there, by their paths there
 */
export async function bootDebian(
  release: Release,
  directories: Readonly<Record<string, string>> = {},
): Promise<BootedDebian> {
  const root = await debianRoot(release, PACKAGES)
  // Where systemd is not there to make a unit for the container, it stays in ours.
  const unit = existsSync('/run/systemd/system') ? [] : ['--keep-unit']
  const container = spawn(
    ...dyingWithUs([
      ...asRoot('systemd-nspawn').flat(),
      '--quiet',
      '--boot',
      '--register=no',
      ...unit,
      '--private-network',
      // Changes go into memory and are gone at the end.
      '--volatile=overlay',
      `--machine=homeport-${release}-${process.pid}`,
      `--directory=${root}`,
      ...Object.entries(directories).map(([there, here]) => `--bind-ro=${here}:${there}`),
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
      const command = asRoot('nsenter', [...enter, '/bin/sh', '-c', lines])
      try {
        return { status: 0, ...(await run(...command, { maxBuffer: MOST_OUTPUT, env: ENVIRONMENT })) }
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
    return { address: await wireTo(leader), shell, must, stop }
  } catch (error) {
    await stop()
    throw new Error(
      `cannot boot a Debian by systemd-nspawn, which needs root, cgroups and overlayfs on this machine:\n${console.all.slice(-20).join('\n')}`,
      { cause: error },
    )
  }
}

/**
 * Lays a wire between this machine and the network of a process. It is gone when that network is.
 *
 * @returns the address at its other end
 */
async function wireTo(leader: number): Promise<string> {
  const ip = (...words: readonly string[]) => run(...asRoot('ip', words))
  const name = `homeport${leader}`
  await ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'wire', 'netns', String(leader))
  // Nobody else on this machine has an interface of this number.
  const index = Number(await readFile(`/sys/class/net/${name}/ifindex`, 'utf8'))
  const [here, there] = [1, 2].map((end) => ipv4Of(WIRES.first + 4 * (index % WIRES.count) + end))
  await ip('addr', 'add', `${here}/30`, 'dev', name)
  await ip('link', 'set', name, 'up')
  const ipThere = (...words: readonly string[]) =>
    run(...asRoot('nsenter', ['-t', String(leader), '-n', 'ip', ...words]))
  await ipThere('addr', 'add', `${there}/30`, 'dev', 'wire')
  await ipThere('link', 'set', 'wire', 'up')
  return there ?? ''
}

function ipv4Of(number: number): string {
  return [24, 16, 8, 0].map((bits) => (number >>> bits) & 255).join('.')
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
