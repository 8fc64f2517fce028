import { execFileSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'

/** Clock ticks a second, in which the kernel counts CPU time. */
const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const pageSize = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }))

interface ProcessTimes {
  readonly parent: number
  /** Seconds, with those of children that have ended and were waited for. */
  readonly cpu: number
  /** Bytes. */
  readonly resident: number
}

/** What processes and all below them have used until now: CPU in seconds, resident memory in bytes. */
export interface Usage {
  readonly cpu: number
  readonly resident: number
}

/** The usage of process trees. A child that ended is counted by its parent, so nothing is lost while the roots live. */
export async function usageOf(roots: readonly number[]): Promise<Usage> {
  const all = new Map<number, ProcessTimes>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const times = await timesOf(Number(name))
    if (times !== undefined) all.set(Number(name), times)
  }
  const within = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = all.get(at)?.parent)
      if (roots.includes(at)) return true
    return false
  }
  const counted = [...all].filter(([pid]) => within(pid)).map(([, times]) => times)
  return {
    cpu: counted.reduce((sum, { cpu }) => sum + cpu, 0),
    resident: counted.reduce((sum, { resident }) => sum + resident, 0),
  }
}

async function timesOf(pid: number): Promise<ProcessTimes | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  if (stat === undefined) return undefined
  // The name of the program stands in parentheses and may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15)
  return {
    parent: fields[1] ?? 0,
    cpu: (user + system + childUser + childSystem) / ticks,
    resident: (fields[21] ?? 0) * pageSize,
  }
}
