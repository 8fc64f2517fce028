/**
 * What this thread's event loop works on, told by whoever begins a piece of work: bytes of a connection, a piece of a
 * handshake, a call of the HTTP API. A piece lasts until the next one begins. To tell costs a look at the clock.
 */

/** A piece of work: what kind it is, in our words, and for whom, such as the source of the connection. */
export interface Work {
  readonly kind: string
  readonly source?: string
}

/** A piece of work and the milliseconds that it took. */
export interface WorkPiece {
  readonly work: Work
  readonly milliseconds: number
}

const NOTHING: Work = { kind: 'other' }

let current = NOTHING
let beganAt = performance.now()
let longest: WorkPiece = { work: NOTHING, milliseconds: 0 }

/**
 * Says that this thread works on something else from now on. Whoever calls often keeps `work` and passes it each time.
 */
export function workOn(work: Work, now = performance.now()): void {
  const milliseconds = now - beganAt
  if (milliseconds > longest.milliseconds) longest = { work: current, milliseconds }
  current = work
  beganAt = now
}

/** The longest piece since this was asked last; the current one ends here. */
export function takeLongestPiece(now = performance.now()): WorkPiece {
  workOn(NOTHING, now)
  const taken = longest
  longest = { work: NOTHING, milliseconds: 0 }
  return taken
}
