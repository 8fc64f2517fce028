import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Benchmark } from '../figure.js'
import { freePort } from '../../e2e/parts/free-port.js'
import { type Lab, openLab } from '../parts/lab.js'
import { startProgram } from '../parts/program.js'
import { takeTurns, valueOf } from '../parts/take-turns.js'

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url))

export const start: Benchmark = {
  name: 'start',
  about: 'from the start of the process to the first device attached',
  quick: false,
  run: async ({ rounds }) => {
    const lab = await openLab()
    try {
      const callHomePort = await freePort()
      const config = join(lab.dir.path, 'start.yaml')
      const any = { address: '127.0.0.1', port: 0 }
      await writeFile(
        config,
        JSON.stringify({
          'call-home': { ssh: { ...any, port: callHomePort } },
          endpoint: { ssh: any, http: any },
          'data-dir': 'data',
          log: { format: 'json' },
          credentials: { default: { username: 'netconf', password: 'netconf' } },
          trust: { 'first-use': 'accept' },
        }),
      )
      const device = startProgram([
        process.execPath,
        main,
        'simulate',
        '--count',
        '1',
        '--to',
        `127.0.0.1:${callHomePort}`,
        '--redial-delay',
        '20ms',
        '--retry-delay',
        '20ms',
        '--host-key-dir',
        lab.dir.path,
      ])
      lab.onEnd(device.stop)
      const measured = await takeTurns(
        [
          { name: 'homeport', run: () => untilAttached(lab, config) },
          { name: 'node alone', run: () => untilEnded([process.execPath, '-e', '0']) },
        ],
        rounds,
        ({ run }) => run(),
      )
      const seconds = valueOf(measured, 'homeport') / 1000
      return [
        {
          title: 'Start to first device attached',
          unit: 'ms',
          measured,
          promised: [{ what: 'seconds', value: seconds, bound: 'at most', allowed: 1 }],
        },
      ]
    } finally {
      await lab.end()
    }
  },
}

async function untilAttached(lab: Lab, config: string): Promise<number> {
  const began = performance.now()
  const bridge = startProgram([process.execPath, main, 'serve', '--config', config], ['ignore', 'ignore', 'pipe'])
  lab.onEnd(bridge.stop)
  if (bridge.child.stderr === null) throw new Error('no standard error')
  for await (const line of createInterface({ input: bridge.child.stderr })) if (line.includes('"link attached')) break
  const took = performance.now() - began
  await bridge.stop()
  return took
}

async function untilEnded(command: readonly string[]): Promise<number> {
  const began = performance.now()
  await once(startProgram(command).child, 'close')
  return performance.now() - began
}
