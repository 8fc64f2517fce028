import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { waitFor } from './wait-for.js'

/** `command` so that the kernel kills it should the test process die without cleaning up. */
export function dyingWithUs(command: readonly string[]): [string, string[]] {
  return ['setpriv', ['--pdeathsig', 'KILL', ...command]]
}

/** Resolves when `child` is gone, at once if it is gone already. */
export async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** Kills `child`, which was started as the leader of a process group, with all of that group. */
export async function killGroup(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It ended by itself since we looked.
    }
  }
  await gone(child)
}

/**
 * Ids of the processes, other than ours, that carry `NAME=value` in their environment: a part's children and whatever
 * they left behind.
 */
export async function processesMarked(marker: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const marked = await Promise.all(
    ids.map(async (id) => {
      const environment = await readFile(`/proc/${id}/environ`, 'latin1').catch(() => '')
      return environment.split('\0').includes(marker)
    }),
  )
  return ids.filter((_, index) => marked[index]).map(Number)
}

/** Kills every process that carries `marker` in its environment, and resolves when none is left. */
export async function killMarked(marker: string): Promise<void> {
  await waitFor(`processes marked ${marker} to end`, async () => {
    const ids = await processesMarked(marker)
    for (const id of ids) {
      try {
        process.kill(id, 'SIGKILL')
      } catch {
        // It ended by itself since we looked.
      }
    }
    return ids.length === 0
  })
}
