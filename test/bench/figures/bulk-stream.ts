import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Benchmark } from '../figure.js'
import { dyingWithUs } from '../../e2e/parts/processes.js'
import { openLab } from '../parts/lab.js'
import { usageOf } from '../parts/process-tree.js'
import { median } from '../parts/statistics.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { buildBefore, homeportPath } from '../paths/homeport-path.js'
import {
  directPath,
  haproxyPath,
  jumpPath,
  muxPath,
  reversePath,
  socatPath,
  startDialledDevice,
} from '../paths/openssh-paths.js'
import type { Path } from '../paths/path.js'

const gigabyte = 1e9

export const bulkStream: Benchmark = {
  name: 'bulk-stream',
  about: 'one reply of 1 GiB: speed, CPU of the middle, memory of the bridge',
  quick: true,
  run: async ({ quick, rounds }) => {
    const lab = await openLab()
    const size = quick ? 2 ** 27 : 2 ** 30
    try {
      const device = await startDialledDevice(lab)
      const homeport = await homeportPath(lab)
      const compared = [homeport, ...(await buildBefore(lab)), await jumpPath(lab, device), await muxPath(lab, device)]
      const others = quick
        ? []
        : [
            directPath(lab, device),
            await reversePath(lab, device),
            await socatPath(lab, device),
            await haproxyPath(lab, device),
          ]
      const cost = new Map<string, number[]>()
      const pull = async (path: Path): Promise<number> => {
        const before = await usageOf(path.middle)
        const seconds = await pullReply(path, size)
        const after = await usageOf(path.middle)
        if (path.middle.length > 0)
          cost.set(path.name, [...(cost.get(path.name) ?? []), (after.cpu - before.cpu) / (size / gigabyte)])
        return size / 1e6 / seconds
      }
      // The first transfer warms the bridge up; what it holds then it holds for good.
      await pullReply(homeport, 2 ** 27)
      const atRest = (await usageOf(homeport.middle)).resident
      const speed = [...(await takeTurns(compared, rounds, pull)), ...(await takeTurns(others, 1, pull))]
      const grown = (await usageOf(homeport.middle)).resident - atRest
      const cpu = [...cost].map(([path, samples]) => ({ path, value: median(samples), samples }))
      return [
        {
          title: `One reply of ${size / 2 ** 20} MiB`,
          unit: 'MB/s',
          measured: speed,
          promised: [
            {
              what: 'homeport / ssh -J',
              value: valueOf(speed, 'homeport') / valueOf(speed, 'ssh -J'),
              bound: 'at least',
              allowed: 1,
            },
          ],
        },
        {
          title: 'CPU of the middle for a bulk reply',
          unit: 's/GB',
          measured: cpu,
          promised: [
            {
              what: 'homeport / OpenSSH mux',
              value: valueOf(cpu, 'homeport') / valueOf(cpu, 'OpenSSH mux'),
              bound: 'at most',
              allowed: 0.8,
            },
          ],
        },
        {
          title: 'Memory of the bridge after the bulk replies, less that after the first',
          unit: 'MB',
          measured: [{ path: 'homeport', value: grown / 1e6, samples: [grown / 1e6] }],
          promised: [{ what: 'growth in MB', value: grown / 1e6, bound: 'at most', allowed: 32 }],
        },
      ]
    } finally {
      await lab.end()
    }
  },
}

/** Seconds that OpenSSH's client needs for a reply of so many bytes, which nobody but `wc` looks at. */
async function pullReply({ ssh }: Path, bytes: number): Promise<number> {
  const [name, args] = dyingWithUs(['sh', '-c', '"$@" | tail -c 6', 'sh', ...ssh])
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const began = performance.now()
  let last = ''
  child.stdout.on('data', (text: Buffer) => (last += text.toString()))
  child.stdin.end(
    `<hello><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]><rpc message-id="1"><get octets="${bytes}"/></rpc>]]>]]>`,
  )
  await once(child, 'close')
  if (last !== ']]>]]>') throw new Error(`the reply ended with ${JSON.stringify(last)}`)
  return (performance.now() - began) / 1000
}
