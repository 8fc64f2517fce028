import { onAbort } from '../lib/on-abort.js'
/** A place among the sessions of a link; given back once. */
export type Release = () => void

export type SlotRequest =
  | { readonly ok: true; readonly release: Release }
  | { readonly ok: false; readonly cause: 'queue-full' | 'timeout' | 'cancelled' | 'closed' }

/** Without getters: V8 describes each object that is made with some by itself, and there is one for each link. */
export interface SessionSlots {
  readonly taken: () => number
  readonly queued: () => number
  /** Whether the next one would have to wait. */
  readonly full: () => boolean
  /** Takes a place, waiting in order of arrival for at most `wait` milliseconds. */
  readonly acquire: (wait: number, signal?: AbortSignal) => Promise<SlotRequest>
  /** Takes a place where one is free and nobody waits; undefined otherwise. */
  readonly tryAcquire: () => Release | undefined
  /** Applies new limits; sessions that run are never ended for them. */
  readonly limit: (limits: SlotLimits) => void
  /** Tells everybody who waits that no place will come. */
  readonly close: () => void
}

export interface SlotLimits {
  readonly maxSessions: number
  readonly maxQueued: number
}

/**
 * The sessions that one link may carry at a time, with a bounded queue before them.
 * @param idle called whenever the last place was given back and nobody waits
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
