import type { StoreFailure, StoreResult } from '../store.js'
import { failureOf } from './postgres-failure.js'

/**
 * How the calls of a store answer: what the engine throws becomes a failure that says what to do, and after the end
 * nothing is asked of it.
 */
export class EngineCalls {
  readonly #name: string
  #open = true
  #problem: StoreFailure | undefined
  #unreachable: StoreFailure | undefined

  /** @param name how failures call the database */
  constructor(name: string) {
    this.#name = name
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

  /**
   * Why the last write failed, or why the database cannot be reached, which reads find out as well; undefined where
   * neither is. A `conflict` is an answer of the database, no failure.
   */
  problem(): StoreFailure | undefined {
    return this.#problem ?? this.#unreachable
  }

  /** Does a write, and answers what it gave. A mistake of the caller is thrown. */
  async write<T>(work: () => Promise<T>): Promise<StoreResult<T>> {
    if (!this.#open) return { ok: false, failure: closed(this.#name) }
    const done = await this.attempt(work)
    this.#problem = done.ok || done.failure.reason === 'conflict' ? undefined : done.failure
    return done
  }

  /** As `write`, whether the store is open or not. */
  async attempt<T>(work: () => Promise<T>): Promise<StoreResult<T>> {
    try {
      const value = await work()
      this.noteReached(undefined)
      return { ok: true, value }
    } catch (error) {
      const failure = failureOf(error, this.#name)
      if (failure === undefined) throw error
      this.noteReached(failure)
      return { ok: false, failure }
    }
  }

  /** Notes that the database was asked, and what came of it. */
  noteReached(failure: StoreFailure | undefined): void {
    this.#unreachable = failure?.reason === 'unavailable' ? failure : undefined
  }

  /** Does a read. Rejects with an error whose `cause` is the `StoreFailure`. */
  async read<T>(work: () => Promise<T>): Promise<T> {
    const done: StoreResult<T> = this.#open ? await this.attempt(work) : { ok: false, failure: closed(this.#name) }
    if (done.ok) return done.value
    throw new Error(done.failure.message, { cause: done.failure })
  }
}

function closed(name: string): StoreFailure {
  return {
    reason: 'io',
    message: `${name}: the store is closed`,
    hint: 'the bridge is stopping; try again once it runs',
  }
}
