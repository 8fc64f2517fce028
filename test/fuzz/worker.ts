/* A thread that runs one target: should an input take for ever, the program still knows which. */
import { parentPort, workerData } from 'node:worker_threads'
import { runTarget } from './run-target.js'
import { findTarget } from './targets.js'

/** What the program gives the thread. */
export interface WorkerData {
  readonly target: string
  readonly seed: number
  readonly seconds: number
  readonly corpus: readonly Uint8Array[]
  /** The number of the input that is tried, and its bytes. */
  readonly runs: Int32Array<SharedArrayBuffer>
  readonly length: Int32Array<SharedArrayBuffer>
  readonly bytes: Uint8Array<SharedArrayBuffer>
}

const { target, seed, seconds, corpus, runs, length, bytes } = workerData as WorkerData

const outcome = await runTarget(findTarget(target), {
  seed,
  seconds,
  corpus: corpus.map((input) => Buffer.from(input)),
  trying: (input) => {
    bytes.set(input.subarray(0, bytes.length))
    Atomics.store(length, 0, Math.min(input.length, bytes.length))
    Atomics.add(runs, 0, 1)
  },
})
parentPort?.postMessage(outcome)
