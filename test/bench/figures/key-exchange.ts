import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Figure } from '../figure.js'
import { waitFor } from '../../e2e/parts/wait-for.js'
import { type RunningBridge, startBridge } from '../../e2e/support/bridge.js'
import { type Lab, openLab } from '../parts/lab.js'
import { usageOf } from '../parts/process-tree.js'
import { startProgram } from '../parts/program.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'
import { homeportPath } from '../paths/homeport-path.js'

const calling = fileURLToPath(new URL('../parts/calling-devices.ts', import.meta.url))

const POST_QUANTUM = 'mlkem768x25519-sha256'
const CLASSICAL = 'curve25519-sha256'
/** What OpenSSH 9 has. */
const OF_CLIENTS = 'sntrup761x25519-sha512@openssh.com'

export const keyExchange: Benchmark = {
  name: 'key-exchange',
  about: 'CPU of the bridge for a device that dials in, and a client that logs in, post-quantum and classical',
  quick: false,
  run: async ({ rounds }) => {
    const lab = await openLab()
    try {
      return [await ofDevices(lab, { rounds, count: 500 }), await ofClients(lab, { rounds, count: 60 })]
    } finally {
      await lab.end()
    }
  },
}

interface Amount {
  readonly rounds: number
  readonly count: number
}

/** All devices dial at once, again and again, and know one key exchange or the other by turns. */
async function ofDevices(lab: Lab, { rounds, count }: Amount): Promise<Figure> {
  const bridge = await startBridge({
    log: { level: 'info', format: 'json' },
    credentials: { default: { username: lab.user, 'private-key': lab.loginKey.path } },
    trust: { 'first-use': 'accept' },
  })
  lab.onEnd(bridge.stop)
  const storm = ({ name }: { readonly name: string }) => stormOn(lab, { name, bridge, count })
  // The first round finds code that is not compiled yet.
  await storm({ name: POST_QUANTUM })
  await storm({ name: CLASSICAL })
  const measured = await takeTurns([{ name: POST_QUANTUM }, { name: CLASSICAL }], rounds, storm)
  return figureOf('CPU of the bridge for a device that dials in, many at once', measured, POST_QUANTUM)
}

/** @returns milliseconds of CPU time for a device, from its call to its link */
async function stormOn(
  lab: Lab,
  { name, bridge, count }: { readonly name: string; readonly bridge: RunningBridge; readonly count: number },
): Promise<number> {
  const from = bridge.lines.all.length
  const usage = () => usageOf([bridge.process.pid ?? 0])
  const before = await usage()
  const devices = startProgram([
    process.execPath,
    '--import',
    'tsx',
    calling,
    String(bridge.callHomePort),
    String(count),
    name,
  ])
  lab.onEnd(devices.stop)
  const seen = (message: string) => bridge.lines.all.slice(from).filter((line) => line.includes(`"msg":"${message}`))
  await waitFor(`${count} links`, () => seen('link attached').length >= count, 120_000)
  const after = await usage()
  const other = seen('link attached').find((line) => !line.includes(`"${name}"`))
  if (other !== undefined) throw new Error(`a device agreed on another key exchange than ${name}: ${other}`)
  await devices.stop()
  await waitFor('all links to end', () => seen('link detached').length >= count, 60_000)
  return ((after.cpu - before.cpu) / count) * 1000
}

/** Logs in by OpenSSH one after the other, with a session each. */
async function ofClients(lab: Lab, { rounds, count }: Amount): Promise<Figure> {
  const path = await homeportPath(lab)
  const measured = await takeTurns([{ name: OF_CLIENTS }, { name: CLASSICAL }], rounds, async ({ name }) => {
    const before = await usageOf(path.middle)
    for (let at = 0; at < count; at += 1) {
      const [program = '', ...words] = path.ssh
      const client = startProgram([program, '-o', `KexAlgorithms=${name}`, ...words], ['ignore', 'ignore', 'pipe'])
      const [status] = (await once(client.child, 'close')) as [number | null]
      if (status !== 0) throw new Error(`ssh with ${name} ended with ${String(status)}`)
    }
    return (((await usageOf(path.middle)).cpu - before.cpu) / count) * 1000
  })
  return figureOf('CPU of the bridge for a client of OpenSSH 9 that logs in', measured, OF_CLIENTS)
}

function figureOf(title: string, measured: Figure['measured'], postQuantum: string): Figure {
  const value = valueOf(measured, postQuantum) / valueOf(measured, CLASSICAL)
  return {
    title,
    unit: 'ms',
    measured,
    promised: [{ what: 'post-quantum / classical', value, bound: 'at most', allowed: 1.5 }],
  }
}
