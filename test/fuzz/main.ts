/* `npm run fuzz`: gives what reads strangers' bytes inputs that nobody thought of. */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { readCorpus, writeFound } from './corpus.js'
import { type RunOutcome, tryInput } from './run-target.js'
import { findTarget, targets } from './targets.js'
import type { Target } from './target.js'
import type { WorkerData } from './worker.js'

const USAGE = `npm run fuzz -- [--seconds N] [--seed S] [--target NAME]... [--input FILE] [--list]
  --seconds  for all targets together (300)
  --seed     decides every mutation; of a run that found something, it is printed
  --target   this one alone; may be given again
  --input    tries the octets of a file, once, with the one target
`

/** Bytes of an input that a stuck thread can still tell. */
const MOST_TOLD = 1024 * 1024

/** Milliseconds after which an input that is still being tried counts as never ending. */
const STUCK = 120_000

process.exitCode = await main()

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) return 2
  const { seconds, seed, chosen, input, list } = options
  if (list) {
    for (const { name, about } of targets) process.stdout.write(`${name.padEnd(18)}${about}\n`)
    return 0
  }
  if (input !== undefined) {
    for (const target of chosen) await tryInput(target, await readFile(input))
    process.stdout.write('all that must hold holds\n')
    return 0
  }
  process.stdout.write(`seed ${seed}\n`)
  const weights = chosen.reduce((sum, { weight = 1 }) => sum + weight, 0)
  let failures = 0
  for (const target of chosen) {
    const outcome = await runInThread(target, seed, (seconds * (target.weight ?? 1)) / weights)
    if (outcome.ok) {
      process.stdout.write(
        `${target.name.padEnd(18)}${String(outcome.runs).padStart(9)} inputs, ${outcome.corpus} kept\n`,
      )
      continue
    }
    failures += 1
    const file = await writeFound(target.name, outcome.input)
    process.stdout.write(
      `${target.name.padEnd(18)}FAILED at input ${outcome.runs} with seed ${seed}\n${outcome.error}\n` +
        `once more:  npm run fuzz -- --target ${target.name} --input ${file}\n` +
        `when it is mended, keep it:  cp ${file} test/fuzz/corpus/${target.name}/\n`,
    )
  }
  return failures === 0 ? 0 : 1
}

interface Options {
  readonly seconds: number
  readonly seed: number
  readonly chosen: readonly Target[]
  readonly input: string | undefined
  readonly list: boolean
}

function readArguments(): Options | undefined {
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: 'string', default: '300' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
        target: { type: 'string', multiple: true, default: [] },
        input: { type: 'string' },
        list: { type: 'boolean', default: false },
      },
    })
    const seconds = Number(values.seconds)
    const seed = Number(values.seed)
    if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('--seconds and --seed are numbers')
    if (values.input !== undefined && values.target.length !== 1) throw new Error('--input goes with one --target')
    const chosen = values.target.length === 0 ? targets : values.target.map(findTarget)
    return { seconds, seed, chosen, input: values.input, list: values.list }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`)
    return undefined
  }
}

/** Runs a target in a thread, which is ended where an input takes for ever. */
async function runInThread(target: Target, seed: number, seconds: number): Promise<RunOutcome> {
  const shared = {
    runs: new Int32Array(new SharedArrayBuffer(4)),
    length: new Int32Array(new SharedArrayBuffer(4)),
    bytes: new Uint8Array(new SharedArrayBuffer(MOST_TOLD)),
  }
  const corpus = (await readCorpus(target.name)).map(({ input }) => input)
  const workerData: WorkerData = { target: target.name, seed, seconds, corpus, ...shared }
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), { workerData })
  const failed = (error: string): RunOutcome => ({
    ok: false,
    runs: Atomics.load(shared.runs, 0),
    input: Buffer.from(shared.bytes.slice(0, Atomics.load(shared.length, 0))),
    error,
  })
  return new Promise((resolve) => {
    let lastRuns = 0
    let since = performance.now()
    const watchdog = setInterval(() => {
      const runs = Atomics.load(shared.runs, 0)
      if (runs !== lastRuns) since = performance.now()
      lastRuns = runs
      if (runs > 0 && performance.now() - since > STUCK) end(failed(`it has not ended for ${STUCK / 1000} s`))
    }, 500)
    const end = (outcome: RunOutcome): void => {
      clearInterval(watchdog)
      // A Buffer comes out of a thread as plain bytes.
      resolve(outcome.ok ? outcome : { ...outcome, input: Buffer.from(outcome.input) })
      void worker.terminate()
    }
    worker.once('message', end)
    // What nobody caught, a promise of nobody's included: the input before may be to blame as well.
    worker.once('error', (error) => end(failed(`uncaught: ${error.stack ?? error.message}`)))
    worker.once('exit', () => end(failed('the thread ended')))
  })
}
