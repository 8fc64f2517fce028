import { readdir, readFile } from 'node:fs/promises'

/** What a process has and uses. */
export interface Sample {
  /** Seconds since the watch began. */
  readonly at: number
  readonly residentMb: number
  readonly descriptors: number
  /** Share of one core since the sample before. */
  readonly cpu: number
}

export interface Watch {
  readonly samples: readonly Sample[]
  readonly stop: () => void
}

const INTERVAL = 2_000

/** USER_HZ on every Linux. */
const TICKS = 100

/** Looks at a process every two seconds. */
export function watchProcess(pid: number): Watch {
  const samples: Sample[] = []
  const began = performance.now()
  let last: { readonly at: number; readonly ticks: number } | undefined
  const look = async (): Promise<void> => {
    const at = (performance.now() - began) / 1000
    const ticks = await ticksOf(pid)
    const cpu = last === undefined || at === last.at ? 0 : (ticks - last.ticks) / TICKS / (at - last.at)
    samples.push({ at, residentMb: await residentMbOf(pid), descriptors: await descriptorsOf(pid), cpu })
    last = { at, ticks }
  }
  // One that is gone is told of by what depends on it.
  const timer = setInterval(() => void look().catch(() => undefined), INTERVAL)
  return { samples, stop: () => clearInterval(timer) }
}

export async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

export async function residentMbOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

async function ticksOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
