/**
 * Work that nobody waits for: what a socket's bytes set going, what follows when something is over. Such work fails by
 * a fault of the bridge itself, and a failure that nobody hears of would end the process with every connection on it.
 */

/** Where a fault came up, for the log and the metrics. */
export type FaultPlace =
  | 'call-home'
  | 'handshake'
  | 'client'
  | 'session'
  | 'link'
  | 'fleet'
  | 'cluster'
  | 'http'
  | 'jobs'
  | 'webhooks'
  | 'store'
  | 'traces'
  | 'command'
  | 'simulator'
  | 'unhandled-rejection'
  | 'uncaught-exception'

export type FaultListener = (place: FaultPlace, error: unknown) => void

/** A fault that nobody listens for, in a command or a test, must not go unseen. */
const throwLater: FaultListener = (_place, error) => {
  setImmediate(() => {
    throw error
  })
}

let listener = throwLater

/**
 * Has faults told to somebody, of whom there is one in a process: the bridge logs and counts them.
 * @returns what ends that
 */
export function tellFaultsTo(next: FaultListener): () => void {
  listener = next
  return () => {
    if (listener === next) listener = throwLater
  }
}

/** Tells of a fault; never throws. */
export function reportFault(place: FaultPlace, error: unknown): void {
  try {
    listener(place, error)
  } catch (another) {
    throwLater(place, another)
  }
}

/**
 * Lets work go on in the background. It is the one way to leave a promise to itself: where it rejects, `end` ends what
 * the work was for, such as one connection, and the fault is told.
 */
export function inBackground(place: FaultPlace, work: Promise<unknown>, end: () => void = () => undefined): void {
  work.catch((error: unknown) => {
    reportFault(place, error)
    try {
      end()
    } catch (another) {
      reportFault(place, another)
    }
  })
}

/**
 * Runs the tasks that it is given one after another, in their order, without anybody waiting for them. One that fails
 * is told, and keeps none of the later ones from running.
 * @param end ends what a failed task was for
 */
export function oneAfterAnother(place: FaultPlace, end?: () => void): (task: () => unknown) => void {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const done = last.then(task)
    inBackground(place, done, end)
    last = done.catch(() => undefined)
  }
}
