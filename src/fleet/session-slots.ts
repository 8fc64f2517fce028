import { onAbort } from '../lib/on-abort.js'
/** A place among the sessions of a link. Its holder gives it back once. */
export type Release = () => void

export type SlotRequest =
  | { readonly ok: true; readonly release: Release }
  | { readonly ok: false; readonly cause: 'queue-full' | 'timeout' | 'cancelled' | 'closed' }

/** Has functions and no getters: objects with getters share no hidden class in V8, and every link has one of these. */
export interface SessionSlots {
  readonly taken: () => number
  readonly queued: () => number
  /** Whether the next client would have to wait. */
  readonly full: () => boolean
  /** Takes a place. Clients wait in the order in which they came, at most `wait` milliseconds. */
  readonly acquire: (wait: number, signal?: AbortSignal) => Promise<SlotRequest>
  /** Takes a place where one is free and nobody waits; undefined otherwise. */
  readonly tryAcquire: () => Release | undefined
  /** Applies new limits. A lower limit ends no session that is running. */
  readonly limit: (limits: SlotLimits) => void
  /** Refuses everybody who waits. */
  readonly close: () => void
}

export interface SlotLimits {
  readonly maxSessions: number
  readonly maxQueued: number
}

/**
 * The sessions that one link may carry at a time, with a bounded queue before them.
 * @param idle called whenever the last session has given back its place and nobody waits
 */
export function createSessionSlots(initial: SlotLimits, idle: () => void = () => undefined): SessionSlots {
  let limits = initial
  let taken = 0
  let closed = false
  const queue = new Set<(answer: SlotRequest) => void>()

  const grant = (): SlotRequest => ({ ok: true, release: place() })
  const place = (): Release => {
    taken += 1
    let released = false
    return () => {
      if (released) return
      released = true
      taken -= 1
      admit()
      if (taken === 0 && !closed) idle()
    }
  }
  const admit = (): void => {
    for (const answer of queue) {
      if (taken >= limits.maxSessions) return
      answer(grant())
    }
  }

  return {
    taken: () => taken,
    queued: () => queue.size,
    full: () => taken >= limits.maxSessions,
    acquire: (wait, signal) =>
      new Promise((resolve) => {
        if (closed) return resolve({ ok: false, cause: 'closed' })
        if (signal?.aborted) return resolve({ ok: false, cause: 'cancelled' })
        if (taken < limits.maxSessions) return resolve(grant())
        if (queue.size >= limits.maxQueued) return resolve({ ok: false, cause: 'queue-full' })
        const answer = (outcome: SlotRequest): void => {
          queue.delete(answer)
          clearTimeout(timer)
          stopListening()
          resolve(outcome)
        }
        const cancel = (): void => answer({ ok: false, cause: 'cancelled' })
        const timer = setTimeout(() => answer({ ok: false, cause: 'timeout' }), wait)
        queue.add(answer)
        const stopListening = onAbort(signal, cancel)
      }),
    tryAcquire: () => (closed || taken >= limits.maxSessions || queue.size > 0 ? undefined : place()),
    limit: (next) => {
      limits = next
      admit()
    },
    close: () => {
      closed = true
      for (const answer of queue) answer({ ok: false, cause: 'closed' })
    },
  }
}
