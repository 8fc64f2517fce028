import type { StoreProblem, StoreResult } from '../store.js'
import { problemOf } from './sqlite-problem.js'

/**
 * How the calls of a store answer: what SQLite throws becomes a problem that says what to do, and after the end nothing
 * is touched.
 */
export class StoreCalls {
  readonly #file: string
  #open = true

  /** @param file how problems name the database */
  constructor(file: string) {
    this.#file = file
  }

  isOpen(): boolean {
    return this.#open
  }

  /** Ends it; false where that was done before. */
  end(): boolean {
    const wasOpen = this.#open
    this.#open = false
    return wasOpen
  }

  /** Does a write, and answers what it gave. A mistake of the caller is thrown. */
  write<T>(work: () => T): StoreResult<T> {
    return this.#open ? this.attempt(work) : { ok: false, problem: closed(this.#file) }
  }

  /** Does a write that gives nothing. */
  run(work: () => void): StoreResult<undefined> {
    return this.write(() => {
      work()
      return undefined
    })
  }

  /** As `write`, whether the store is open or not. */
  attempt<T>(work: () => T): StoreResult<T> {
    try {
      return { ok: true, value: work() }
    } catch (error) {
      return { ok: false, problem: this.problemIn(error) }
    }
  }

  /** Does a read. Rejects with an error whose `cause` is the `StoreProblem`. */
  async read<T>(work: () => T): Promise<T> {
    const done = this.write(work)
    if (done.ok) return done.value
    throw new Error(done.problem.message, { cause: done.problem })
  }

  /** What an error says of the store; one that says nothing of it is a mistake, and is thrown. */
  problemIn(error: unknown): StoreProblem {
    const problem = problemOf(error, this.#file)
    if (problem === undefined) throw error
    return problem
  }
}

function closed(file: string): StoreProblem {
  return {
    cause: 'io',
    message: `${file}: the store is closed`,
    hint: 'the bridge is stopping; try again once it runs',
  }
}
