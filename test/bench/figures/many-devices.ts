import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Figure } from '../figure.js'
import { waitFor } from '../../e2e/parts/wait-for.js'
import { freePort } from '../../e2e/parts/free-port.js'
import { type Lab, openLab, sshWords, startSshd } from '../parts/lab.js'
import { openPipe } from '../parts/netconf-pipe.js'
import { usageOf } from '../parts/process-tree.js'
import { listening, type Program, startProgram } from '../parts/program.js'
import { percentile } from '../parts/statistics.js'
import { type HomeportPath, homeportPath } from '../paths/homeport-path.js'

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))
const count = 10_000
const tunnels = 200
/** Milliseconds; the keepalive interval, so that each device is asked once. */
const idle = 30_000
const settling = 20_000

export const manyDevices: Benchmark = {
  name: 'many-devices',
  about: 'memory and CPU of 10,000 idle devices, and all of them dialling again at once',
  quick: false,
  run: async () => {
    const lab = await openLab()
    try {
      const path = await homeportPath(lab, {
        config: {
          trust: { 'first-use': 'accept' },
          link: { 'keepalive-interval': `${idle / 1000}s` },
        },
      })
      const live = await openPipe(path.ssh)
      lab.onEnd(live.stop)
      const empty = await path.bridge.residentMemory()
      const usage = () => usageOf(path.middle)

      const first = await usage()
      const devices = dialIn(lab, path, ['--stagger', '5ms'])
      await attached(path, count)
      const calm = await usage()

      // Until it was written down which devices were seen: that is no idle bridge yet.
      await new Promise((resolve) => setTimeout(resolve, settling))
      const before = await usage()
      await new Promise((resolve) => setTimeout(resolve, idle))
      const after = await usage()
      const resident = await path.bridge.residentMemory()

      await devices.stop()
      await waitFor('all links to end', () => countOf(path, 'link detached') >= count, 60_000)
      const stormFrom = await usage()
      dialIn(lab, path, [])
      const times = await rpcTimesUntil(live, attached(path, 2 * count))
      const stormTo = await usage()

      const alone = (calm.cpu - first.cpu) / count
      const atOnce = (stormTo.cpu - stormFrom.cpu) / count
      const perDevice = (resident - empty) / count / 1000
      const perTunnel = (await reverseTunnels(lab)) / 1000
      return [
        memory(perDevice, perTunnel),
        {
          title: `CPU of ${count} idle devices, asked every ${idle / 1000} s`,
          unit: '% of a core',
          measured: [one('homeport', ((after.cpu - before.cpu) / (idle / 1000)) * 100)],
          promised: [
            {
              what: '% of a core',
              value: ((after.cpu - before.cpu) / (idle / 1000)) * 100,
              bound: 'at most',
              allowed: 4,
            },
          ],
        },
        {
          title: `CPU of the bridge for a device that dials in, one after the other and ${count} at once`,
          unit: 'ms',
          measured: [one('homeport, calm', alone * 1000), one('homeport, storm', atOnce * 1000)],
          promised: [{ what: 'storm / calm', value: atOnce / alone, bound: 'at most', allowed: 1.3 }],
        },
        {
          title: 'Small RPC p99 of a live session during the storm',
          unit: 'ms',
          measured: [{ path: 'homeport', value: percentile(times, 99), samples: [percentile(times, 99)] }],
          promised: [
            { what: 'p99 in ms', value: percentile(times, 99), bound: 'at most', allowed: 50 },
            {
              what: 'live links lost',
              value: path.bridge
                .log()
                .filter(({ msg, deviceId }) => msg.startsWith('link detached') && deviceId === 'router1').length,
              bound: 'at most',
              allowed: 0,
            },
          ],
        },
      ]
    } finally {
      await lab.end()
    }
  },
}

function memory(perDevice: number, perTunnel: number): Figure {
  return {
    title: 'Resident memory for an idle device',
    unit: 'KB',
    measured: [one(`homeport, ${count}`, perDevice), one(`ssh -R, ${tunnels}`, perTunnel)],
    promised: [
      { what: 'KB', value: perDevice, bound: 'at most', allowed: 25 },
      { what: 'homeport / ssh -R', value: perDevice / perTunnel, bound: 'at most', allowed: 1 / 60 },
    ],
  }
}

const one = (path: string, value: number) => ({ path, value, samples: [value] })

function dialIn(lab: Lab, { bridge }: HomeportPath, more: readonly string[]): Program {
  const devices = startProgram([
    process.execPath,
    main,
    'simulate',
    '--count',
    String(count),
    '--to',
    `127.0.0.1:${bridge.callHomePort}`,
    '--username',
    lab.user,
    '--authorized-key',
    lab.loginKey.publicKey,
    '--retry-delay',
    '2s',
    '--jitter',
    '0.5',
    '--host-key-dir',
    join(lab.dir.path, 'devices'),
    ...more,
  ])
  lab.onEnd(devices.stop)
  return devices
}

function countOf({ bridge }: HomeportPath, message: string): number {
  return bridge.lines.all.filter((line) => line.includes(`"msg":"${message}`)).length
}

/** Resolves once so many links have been attached since the start, besides that of the live session. */
async function attached(path: HomeportPath, links: number): Promise<void> {
  let seen = 0
  await waitFor(
    `${links} links`,
    async () => {
      // To look through all lines is work: not more often than it tells anything.
      await new Promise((resolve) => setTimeout(resolve, 500))
      seen = countOf(path, 'link attached')
      return seen > links
    },
    170_000,
  )
}

async function rpcTimesUntil(
  live: { readonly rpc: (operation: string) => Promise<void> },
  end: Promise<void>,
): Promise<number[]> {
  const times: number[] = []
  let going = true
  void end.finally(() => {
    going = false
  })
  while (going) {
    const began = performance.now()
    await live.rpc('<get/>')
    times.push(performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await end
  return times
}

/** Bytes that the sshd of a host in the middle holds for one reverse tunnel. */
async function reverseTunnels(lab: Lab): Promise<number> {
  const sshd = await startSshd(lab, 'tunnels', [])
  const before = (await usageOf([sshd.pid])).resident
  for (let at = 0; at < tunnels; at += 10) {
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const port = await freePort()
        const tunnel = startProgram(
          sshWords(lab, sshd.port, ['-N', '-R', `127.0.0.1:${port}:127.0.0.1:9`, '127.0.0.1']),
        )
        lab.onEnd(tunnel.stop)
        await Promise.race([listening(port), once(tunnel.child, 'exit')])
      }),
    )
  }
  return ((await usageOf([sshd.pid])).resident - before) / tunnels
}
