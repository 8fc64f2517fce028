export type Passage<T> = { readonly entered: true; readonly result: T } | { readonly entered: false }

/** Runs a task when there is room; `entered: false`, at once, when those who wait are already too many. */
export type Semaphore = <T>(task: () => Promise<T>) => Promise<Passage<T>>

/** Lets `atOnce` tasks run at a time and `waiting` more wait for their turn, first come first served. */
export function createSemaphore(atOnce: number, waiting: number): Semaphore {
  const queue: (() => void)[] = []
  let running = 0

  const leave = (): void => {
    const next = queue.shift()
    // The place passes straight to the next in the queue, so nobody who comes now can overtake.
    if (next === undefined) running -= 1
    else next()
  }

  return async (task) => {
    if (running < atOnce) running += 1
    else if (queue.length < waiting) await new Promise<void>((enter) => queue.push(enter))
    else return { entered: false }
    try {
      return { entered: true, result: await task() }
    } finally {
      leave()
    }
  }
}
