/** Does pieces of work one after the other, so few in each turn of the event loop that everything else comes between. */
export type Turns = (work: () => void) => void

/** Milliseconds of work in one turn; the piece that goes beyond it is the last one. */
const budget = 2

export function createTurns(now = () => performance.now()): Turns {
  const waiting: (() => void)[] = []
  const run = (): void => {
    const end = now() + budget
    let work = waiting.shift()
    try {
      for (; work !== undefined; work = now() < end ? waiting.shift() : undefined) work()
    } finally {
      if (waiting.length > 0) setImmediate(run)
    }
  }
  return (work) => {
    if (waiting.push(work) === 1) setImmediate(run)
  }
}
