/*
 * `npm run bench`: every figure beside what people would use instead. Prints tables; writes JSON and plots where it is
 * told to.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Benchmark, type Figure, isKept, type Promised } from './figure.js'
import { bulkStream } from './figures/bulk-stream.js'
import { farLinks } from './figures/far-links.js'
import { hostilePeers } from './figures/hostile-peers.js'
import { httpRpcs } from './figures/http-rpcs.js'
import { keyExchange } from './figures/key-exchange.js'
import { manyDevices } from './figures/many-devices.js'
import { newSession } from './figures/new-session.js'
import { operationRules } from './figures/operation-rules.js'
import { sharedLink } from './figures/shared-link.js'
import { smallRpcs } from './figures/small-rpcs.js'
import { start } from './figures/start.js'
import { describeMachine } from './machine.js'
import { plotFigure } from './plot.js'
import { printFigure } from './print.js'

const benchmarks: readonly Benchmark[] = [
  newSession,
  smallRpcs,
  bulkStream,
  sharedLink,
  farLinks,
  operationRules,
  httpRpcs,
  hostilePeers,
  start,
  keyExchange,
  manyDevices,
]

/** In the short form a ratio may be this many times worse than promised before it counts as a failure. */
const quickSlack = 2

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
process.exitCode = await main(positionals, values.quick, values.out)

async function main(names: readonly string[], quick: boolean, out: string | undefined): Promise<number> {
  const unknown = names.filter((name) => !benchmarks.some((one) => one.name === name))
  if (values.list || unknown.length > 0) {
    if (unknown.length > 0) process.stderr.write(`no benchmark ${unknown.join(', ')}; there are:\n`)
    process.stdout.write(benchmarks.map(({ name, about }) => `${name.padEnd(16)}${about}\n`).join(''))
    return unknown.length > 0 ? 2 : 0
  }
  const chosen = benchmarks.filter((one) => (names.length > 0 ? names.includes(one.name) : !quick || one.quick))
  const figures: (Figure & { readonly benchmark: string })[] = []
  for (const benchmark of chosen) {
    const measured = await measure(benchmark, quick)
    // A gate that falls shut for a moment of somebody else's work would soon be left open.
    const again = quick && brokenOf(measured, true).length > 0
    figures.push(
      ...(again ? await measure(benchmark, quick) : measured).map((one) => ({ benchmark: benchmark.name, ...one })),
    )
  }
  if (out !== undefined) await writeResults(out, figures)
  const broken = brokenOf(figures, quick)
  for (const one of broken)
    process.stdout.write(
      `out of range: ${one.what} is ${one.value.toFixed(2)}, ${one.bound} ${one.allowed} is promised\n`,
    )
  // The whole is an instrument: it tells. The short form is a gate: it fails.
  return quick && broken.length > 0 ? 1 : 0
}

async function measure(benchmark: Benchmark, quick: boolean): Promise<readonly Figure[]> {
  const began = performance.now()
  const figures = await benchmark.run({ quick, rounds: quick ? 3 : 5 })
  for (const figure of figures) process.stdout.write(`${printFigure(figure)}\n`)
  process.stdout.write(`${benchmark.name} took ${((performance.now() - began) / 1000).toFixed(0)} s\n\n`)
  return figures
}

function brokenOf(figures: readonly Figure[], quick: boolean): readonly Promised[] {
  return figures.flatMap(({ promised }) =>
    promised.filter((one) => !isKept(one, quick ? quickSlack : 1) && !(quick && one.gate === false)),
  )
}

async function writeResults(
  directory: string,
  figures: readonly (Figure & { readonly benchmark: string })[],
): Promise<void> {
  await mkdir(directory, { recursive: true })
  const machine = await describeMachine()
  await writeFile(`${directory}/results.json`, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`)
  for (const figure of figures) await writeFile(`${directory}/${fileName(figure.title)}.svg`, plotFigure(figure))
}

function fileName(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}
