import type { Benchmark } from '../figure.js'
import { openLab } from '../parts/lab.js'
import { openPipe } from '../parts/netconf-pipe.js'
import { percentile } from '../parts/statistics.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { buildBefore, homeportPath } from '../paths/homeport-path.js'
import { muxPath, startDialledDevice } from '../paths/openssh-paths.js'

export const sharedLink: Benchmark = {
  name: 'shared-link',
  about: 'p99 of small RPCs while another session of the same device pulls a bulk reply',
  quick: true,
  run: async ({ quick, rounds }) => {
    const lab = await openLab()
    try {
      const device = await startDialledDevice(lab)
      const paths = [await homeportPath(lab), ...(await buildBefore(lab)), await muxPath(lab, device)]
      const measured = await takeTurns(paths, rounds, async ({ ssh }) => {
        const [small, bulk] = await Promise.all([openPipe(ssh), openPipe(ssh)])
        let pulling = true
        const pulled = bulk.rpc(`<get octets="${quick ? 1.5e8 : 8e8}"/>`).finally(() => {
          pulling = false
        })
        const times: number[] = []
        while (pulling) {
          const began = performance.now()
          await small.rpc('<get/>')
          times.push(performance.now() - began)
        }
        await pulled
        await Promise.all([small.stop(), bulk.stop()])
        return percentile(times, 99)
      })
      return [
        {
          title: 'Small RPC p99 beside a bulk reply on the same link',
          unit: 'ms',
          measured,
          promised: [
            {
              what: 'homeport / OpenSSH mux',
              value: valueOf(measured, 'homeport') / valueOf(measured, 'OpenSSH mux'),
              bound: 'at most',
              allowed: 1.5,
            },
          ],
        },
      ]
    } finally {
      await lab.end()
    }
  },
}
