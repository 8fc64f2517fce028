import type { StoreFailure, StoreResult } from '../store.js'
import { failureOf } from './sqlite-failure.js'

/**
 * How the calls of a store answer: what SQLite throws becomes a problem that says what to do, and after the end nothing
 * is touched.
 */
export class StoreCalls {
  readonly #file: string
  #open = true
  #problem: StoreFailure | undefined

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

  /** Why the last write failed; undefined where it did not. */
  problem(): StoreFailure | undefined {
    return this.#problem
  }

  /** Does a write, and answers what it gave. A mistake of the caller is thrown. */
  write<T>(work: () => T): StoreResult<T> {
    if (!this.#open) return { ok: false, failure: closed(this.#file) }
    const done = this.attempt(work)
    this.#problem = done.ok ? undefined : done.failure
    return done
  }

  /** Does a write that nobody waits for. Throws what it throws, and remembers it. */
  writeLater(work: () => void): void {
    try {
      work()
      this.#problem = undefined
    } catch (error) {
      this.#problem = this.failureIn(error)
      throw error
    }
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
      return { ok: false, failure: this.failureIn(error) }
    }
  }

  /** Does a read. Rejects with an error whose `cause` is the `StoreFailure`. */
  async read<T>(work: () => T): Promise<T> {
    const done: StoreResult<T> = this.#open ? this.attempt(work) : { ok: false, failure: closed(this.#file) }
    if (done.ok) return done.value
    throw new Error(done.failure.message, { cause: done.failure })
  }

  /** What an error says of the store; one that says nothing of it is a mistake, and is thrown. */
  failureIn(error: unknown): StoreFailure {
    const failure = failureOf(error, this.#file)
    if (failure === undefined) throw error
    return failure
  }
}

function closed(file: string): StoreFailure {
  return {
    reason: 'io',
    message: `${file}: the store is closed`,
    hint: 'the bridge is stopping; try again once it runs',
  }
}
