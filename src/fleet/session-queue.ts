import { onAbort } from '../lib/on-abort.js'

/** The clients of one device that wait for a session on any link of it. */
export interface SessionQueue<Place> {
  readonly length: () => number
  /** Takes a place, at once or when one is free. Clients wait in the order in which they came. */
  readonly acquire: (asking: PlaceRequest<Place>) => Promise<PlaceAnswer<Place>>
  /** A place may have become free: whoever waits looks again. */
  readonly admit: () => void
  /** Has everybody who waits look elsewhere, because the device has no link any more. */
  readonly disperse: () => void
}

export interface PlaceRequest<Place> {
  /** Takes a place that suits this client, where one is free. */
  readonly take: () => Place | undefined
  /** Milliseconds to wait at most. */
  readonly wait: number
  readonly signal: AbortSignal | undefined
  /** Called where no place is free. */
  readonly noneFree?: () => void
}

export type PlaceAnswer<Place> =
  | { readonly ok: true; readonly place: Place }
  | { readonly ok: false; readonly cause: 'queue-full' | 'timeout' | 'cancelled' | 'dispersed' }

/** One that waits. */
interface Waiting<Place> {
  readonly take: () => Place | undefined
  readonly answer: (answer: PlaceAnswer<Place>) => void
}

/** @param maxQueued how many may wait now */
export function createSessionQueue<Place>(maxQueued: () => number): SessionQueue<Place> {
  const queue = new Set<Waiting<Place>>()
  let admitting = false
  let again = false

  // Whoever takes a place may free another one by that, such as one that a spare channel had.
  const admit = (): void => {
    again = true
    if (admitting) return
    admitting = true
    try {
      while (again) {
        again = false
        admitAll()
      }
    } finally {
      admitting = false
    }
  }
  const admitAll = (): void => {
    for (const { take, answer } of queue) {
      const place = take()
      if (place !== undefined) answer({ ok: true, place })
    }
  }

  return {
    length: () => queue.size,
    acquire: ({ take, wait, signal, noneFree }) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve({ ok: false, cause: 'cancelled' })
        const place = take()
        if (place !== undefined) return resolve({ ok: true, place })
        noneFree?.()
        if (queue.size >= maxQueued()) return resolve({ ok: false, cause: 'queue-full' })
        const waiting: Waiting<Place> = {
          take,
          answer: (answer) => {
            queue.delete(waiting)
            clearTimeout(timer)
            stopListening()
            resolve(answer)
          },
        }
        const timer = setTimeout(() => waiting.answer({ ok: false, cause: 'timeout' }), wait)
        queue.add(waiting)
        const stopListening = onAbort(signal, () => waiting.answer({ ok: false, cause: 'cancelled' }))
      }),
    admit,
    disperse: () => {
      for (const { answer } of queue) answer({ ok: false, cause: 'dispersed' })
    },
  }
}
