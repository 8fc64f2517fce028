import { createHash } from 'node:crypto'
import { LONGEST_TURN } from '../support/loop-turn.js'
import { type Coverage, watchCoverage } from './coverage.js'
import { mutate } from './mutate.js'
import { createRandom } from './random.js'
import type { Subject, Target } from './target.js'

export interface RunOptions {
  readonly seed: number
  readonly seconds: number
  /** What is known to be interesting; tried first, as it is. */
  readonly corpus: readonly Buffer[]
  /** Told of each input before it is tried, so that one that never ends can be named. */
  readonly trying: (input: Buffer) => void
}

export type RunOutcome =
  | { readonly ok: true; readonly runs: number; readonly corpus: number }
  | { readonly ok: false; readonly runs: number; readonly input: Buffer; readonly error: string }

const DEFAULT_MAX_SIZE = 16 * 1024

/** After so many inputs it is looked for new code, which takes longer than an input itself. */
const COVERAGE_INTERVAL = 8

/** Inputs that may be kept for running new code. */
const MAX_KEPT = 2000

/** Milliseconds in which a failing input is made smaller. */
const SHRINKING = 3_000

/**
 * Gives a target inputs until the time is over or something does not hold. An input is made of the corpus, by mutation
 * that the seed decides; of those in this process, what makes new code run joins the corpus.
 */
export async function runTarget(target: Target, options: RunOptions): Promise<RunOutcome> {
  const { seed, seconds, trying } = options
  const random = createRandom(seed)
  const corpus = options.corpus.length === 0 ? [Buffer.alloc(0)] : [...options.corpus]
  const seeds = corpus.length
  const words = target.words.map((word) => Buffer.from(word as string))
  const material = { corpus, words, maxSize: target.maxSize ?? DEFAULT_MAX_SIZE }
  const subject = await target.start()
  const coverage = target.remote === undefined ? watchCoverage() : undefined
  const end = performance.now() + seconds * 1000
  const recent: Buffer[] = []
  let runs = 0
  let input: Buffer = Buffer.alloc(0)
  try {
    while (performance.now() < end || runs < seeds) {
      input =
        corpus[runs] !== undefined && runs < seeds
          ? (corpus[runs] as Buffer)
          : mutate(random.pick(corpus), random, material)
      trying(input)
      await attempt(subject, input, target)
      recent.push(input)
      if (recent.length === COVERAGE_INTERVAL) keepIfNew(coverage, corpus, recent.splice(0))
      runs += 1
    }
    coverage?.stop()
    await subject.stop?.()
    return { ok: true, runs, corpus: corpus.length }
  } catch (error) {
    coverage?.stop()
    const smallest = target.remote === undefined ? await shrink(subject, target, input, error, trying) : input
    await subject.stop?.().catch(() => undefined)
    return { ok: false, runs, input: smallest, error: describe(error) }
  }
}

/** A single input, without end or mutation. */
export async function tryInput(target: Target, input: Buffer): Promise<void> {
  const subject = await target.start()
  try {
    await attempt(subject, input, target)
  } finally {
    await subject.stop?.()
  }
}

/** How often an input that took long is tried again at most. */
const TIMES_AGAIN = 9

/** Gives a target an input; it may take a turn of the event loop, and no more. */
export async function attempt(subject: Subject, input: Buffer, target: Target): Promise<void> {
  const cost = await costOf(subject, input)
  const { longestTurn = LONGEST_TURN } = target
  if (target.remote !== undefined || cost < longestTurn) return
  // Once may be garbage collection, code that was not compiled yet, or a neighbour on the core.
  let again = cost
  for (let times = 0; times < TIMES_AGAIN && again >= LONGEST_TURN; times += 1)
    again = Math.min(again, await costOf(subject, input))
  if (again >= LONGEST_TURN) throw new Error(`it took ${Math.round(again)} ms of CPU time, and may take ${longestTurn}`)
}

/** Milliseconds of CPU time up to where it waits first, if at all. */
async function costOf(subject: Subject, input: Buffer): Promise<number> {
  const before = process.cpuUsage()
  const began = performance.now()
  const taken = subject.take(input)
  const passed = performance.now() - began
  const { user, system } = process.cpuUsage(before)
  await taken
  return Math.min(passed, (user + system) / 1000)
}

/** Keeps all inputs since it looked last: one of them is the one. */
function keepIfNew(coverage: Coverage | undefined, corpus: Buffer[], recent: readonly Buffer[]): void {
  if (coverage?.isNew() === true && corpus.length < MAX_KEPT) corpus.push(...recent)
}

/** Leaves out of an input what can be left out, as long as the same thing does not hold. */
async function shrink(
  subject: Subject,
  target: Target,
  failing: Buffer,
  error: unknown,
  trying: (input: Buffer) => void,
): Promise<Buffer> {
  const kind = kindOf(error)
  const end = performance.now() + SHRINKING
  let smallest = failing
  for (let size = smallest.length >> 1; size >= 1 && performance.now() < end; size >>= 1) {
    for (let at = 0; at < smallest.length && performance.now() < end; ) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
      trying(candidate)
      if (await failsAlike(subject, target, candidate, kind)) smallest = candidate
      else at += size
    }
  }
  return smallest
}

async function failsAlike(subject: Subject, target: Target, input: Buffer, kind: string): Promise<boolean> {
  try {
    await attempt(subject, input, target)
    return false
  } catch (error) {
    return kindOf(error) === kind
  }
}

/** The first words of an error: what comes after them depends on the input. */
function kindOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 20)
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** A name for an input, of its content. */
export function nameOf(input: Buffer): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 12)
}
