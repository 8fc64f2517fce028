import type { Benchmark, Figure, Measured } from '../figure.js'
import { type Lab, openLab } from '../parts/lab.js'
import { openPipe } from '../parts/netconf-pipe.js'
import { median, percentile } from '../parts/statistics.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { buildBefore, homeportPath } from '../paths/homeport-path.js'
import { muxPath, startDialledDevice } from '../paths/openssh-paths.js'
import type { Path } from '../paths/path.js'

export const farLinks: Benchmark = {
  name: 'far-links',
  about: 'a bulk reply at 20 and 100 ms round trip, alone and beside small RPCs on the same link',
  quick: true,
  run: async ({ quick, rounds }) => {
    const figures: Figure[] = []
    for (const roundTripMs of quick ? [20] : [20, 100]) {
      const lab = await openLab()
      try {
        figures.push(...(await measureAt(lab, roundTripMs, { rounds, bytes: (quick ? 1.2e9 : 3e9) / roundTripMs })))
      } finally {
        await lab.end()
      }
    }
    return figures
  },
}

async function measureAt(
  lab: Lab,
  roundTripMs: number,
  { rounds, bytes }: { readonly rounds: number; readonly bytes: number },
): Promise<readonly Figure[]> {
  const device = await startDialledDevice(lab, roundTripMs)
  const paths = [
    await homeportPath(lab, { roundTripMs }),
    ...(await buildBefore(lab, { roundTripMs })),
    await muxPath(lab, device),
  ]
  const small = new Map<string, number[]>()
  const alone = await takeTurns(paths, rounds, (path) => pull(path, bytes))
  const shared = await takeTurns(paths, rounds, async (path) => {
    const other = await openPipe(path.ssh)
    const times: number[] = []
    const pulled = pull(path, bytes)
    let pulling = true
    const over = pulled.finally(() => (pulling = false))
    while (pulling) {
      const began = performance.now()
      await other.rpc('<get/>')
      times.push(performance.now() - began)
    }
    await Promise.all([over, other.stop()])
    small.set(path.name, [...(small.get(path.name) ?? []), percentile(times, 99)])
    return pulled
  })
  const beside: Measured[] = [...small].map(([path, samples]) => ({ path, value: median(samples), samples }))
  return [
    figure(`Bulk reply at ${roundTripMs} ms, alone on its link`, alone),
    figure(`Bulk reply at ${roundTripMs} ms, beside small RPCs on the same link`, shared),
    { title: `Small RPC p99 beside it at ${roundTripMs} ms`, unit: 'ms', measured: beside, promised: [] },
  ]
}

function figure(title: string, measured: readonly Measured[]): Figure {
  const value = valueOf(measured, 'homeport') / valueOf(measured, 'OpenSSH mux')
  return {
    title,
    unit: 'MB/s',
    measured,
    promised: [{ what: 'homeport / OpenSSH mux', value, bound: 'at least', allowed: 0.9 }],
  }
}

/** Megabytes a second of one reply in a session of its own. */
async function pull({ ssh }: Path, bytes: number): Promise<number> {
  const bulk = await openPipe(ssh)
  const began = performance.now()
  await bulk.rpc(`<get octets="${bytes}"/>`)
  const seconds = (performance.now() - began) / 1000
  await bulk.stop()
  return bytes / 1e6 / seconds
}
