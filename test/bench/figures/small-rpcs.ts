import type { Benchmark, Effort, Figure } from '../figure.js'
import { drive } from '../parts/drive.js'
import { openLab } from '../parts/lab.js'
import { type NetconfPipe, openPipe } from '../parts/netconf-pipe.js'
import { usageOf } from '../parts/process-tree.js'
import { median, percentile } from '../parts/statistics.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { buildBefore, homeportPath } from '../paths/homeport-path.js'
import { directPath, muxPath, reversePath, socatPath, startDialledDevice } from '../paths/openssh-paths.js'
import type { Path } from '../paths/path.js'

const peer = 'OpenSSH mux'
const many = 64
const operation = '<get/>'
const warmUp = 5000

export const smallRpcs: Benchmark = {
  name: 'small-rpcs',
  about: 'latency of a 1 KB RPC on one session, RPCs a second and CPU on 64',
  quick: true,
  run: async (effort) => [...(await latency(effort)), ...(await throughput(effort))],
}

async function latency({ quick, rounds }: Effort): Promise<readonly Figure[]> {
  const lab = await openLab()
  try {
    const device = await startDialledDevice(lab)
    const paths = [
      await homeportPath(lab),
      ...(await buildBefore(lab)),
      await muxPath(lab, device),
      ...(quick ? [] : [directPath(lab, device), await socatPath(lab, device), await reversePath(lab, device)]),
    ]
    const sessions = await Promise.all(
      paths.map(async (path) => {
        const pipe = await openPipe(path.ssh)
        lab.onEnd(pipe.stop)
        return { name: path.name, pipe }
      }),
    )
    // A bridge runs for months: what its first thousand RPCs cost is not what is asked.
    for (const { pipe } of sessions) await timesOf(pipe, warmUp)
    const all = new Map<string, number[]>()
    const p50 = await takeTurns(sessions, rounds, async ({ name, pipe }) => {
      const times = await timesOf(pipe, quick ? 300 : 1000)
      all.set(name, [...(all.get(name) ?? []), percentile(times, 99)])
      return median(times)
    })
    const p99 = [...all].map(([path, samples]) => ({ path, value: median(samples), samples }))
    const promise = (measured: typeof p50, gate?: false) => [
      {
        what: `homeport / ${peer}`,
        value: valueOf(measured, 'homeport') / valueOf(measured, peer),
        bound: 'at most' as const,
        allowed: 1,
        ...(gate === undefined ? {} : { gate }),
      },
    ]
    return [
      { title: 'Small RPC, one session, p50', unit: 'ms', measured: p50, promised: promise(p50) },
      { title: 'Small RPC, one session, p99', unit: 'ms', measured: p99, promised: promise(p99, false) },
    ]
  } finally {
    await lab.end()
  }
}

async function timesOf(pipe: NetconfPipe, count: number): Promise<number[]> {
  const times: number[] = []
  for (let at = 0; at < count; at += 1) {
    const began = performance.now()
    await pipe.rpc(operation)
    times.push(performance.now() - began)
  }
  return times
}

async function throughput({ quick, rounds }: Effort): Promise<readonly Figure[]> {
  const lab = await openLab()
  try {
    const device = await startDialledDevice(lab)
    const paths = [
      await homeportPath(lab, { config: manySessions }),
      ...(await buildBefore(lab, { config: manySessions })),
      await muxPath(lab, device),
      ...(quick ? [] : [directPath(lab, device)]),
    ]
    const opened = []
    for (const path of paths) opened.push({ name: path.name, path, pipes: await openMany(path, lab.onEnd) })
    for (const { path, pipes } of opened) await driveAll(pipes, path, quick ? 1000 : 2000)
    const cost = new Map<string, number[]>()
    const rate = await takeTurns(opened, rounds, async ({ name, path, pipes }) => {
      const { perSecond, cpuPerRpc } = await driveAll(pipes, path, quick ? 1000 : 3000)
      if (path.middle.length > 0) cost.set(name, [...(cost.get(name) ?? []), cpuPerRpc * 1e6])
      return perSecond
    })
    const cpu = [...cost].map(([path, samples]) => ({ path, value: median(samples), samples }))
    return [
      {
        title: `Small RPCs, ${many} sessions`,
        unit: 'RPC/s',
        measured: rate,
        promised: [
          {
            what: `homeport / ${peer}`,
            value: valueOf(rate, 'homeport') / valueOf(rate, peer),
            bound: 'at least',
            allowed: 1.5,
          },
        ],
      },
      {
        title: `CPU of the middle for a small RPC, ${many} sessions`,
        unit: 'µs',
        measured: cpu,
        promised: [
          {
            what: `homeport / ${peer}`,
            value: valueOf(cpu, 'homeport') / valueOf(cpu, peer),
            bound: 'at most',
            allowed: 0.5,
          },
        ],
      },
    ]
  } finally {
    await lab.end()
  }
}

const manySessions = { link: { 'max-queued-sessions': 100 } }

async function openMany(path: Path, onEnd: (stop: () => Promise<unknown>) => void): Promise<readonly NetconfPipe[]> {
  const pipes: NetconfPipe[] = []
  // Eight at a time: sshd and we alike refuse a flood of logins.
  for (let at = 0; at < many; at += 8) {
    const opened = await Promise.all(Array.from({ length: 8 }, () => openPipe(path.ssh)))
    for (const pipe of opened) {
      onEnd(pipe.stop)
      pipes.push(pipe)
    }
  }
  return pipes
}

async function driveAll(
  pipes: readonly NetconfPipe[],
  { middle }: Path,
  forMs: number,
): Promise<{ readonly perSecond: number; readonly cpuPerRpc: number }> {
  const before = await usageOf(middle)
  const { count, perSecond } = await drive(pipes, forMs, (pipe) => pipe.rpc(operation))
  const after = await usageOf(middle)
  return { perSecond, cpuPerRpc: (after.cpu - before.cpu) / count }
}
