/** How much larger the larger input is. */
const FACTOR = 4
/** What work in proportion to its input stays below: that which grows with the square takes sixteen times as long. */
export const IN_PROPORTION = 9

/** Runs of each size, of which the least counts: a neighbour on the core lengthens one run alone. */
const RUNS = { fewest: 3, most: 8 }
/** Milliseconds that the smaller work is repeated for, so that the clock sees it. */
const ENOUGH = 4

/**
 * How many times as long work takes for an input four times as large. Both are measured in CPU time, in turns and for
 * as long as each other, so that a slow machine or a busy one changes nothing.
 * @param size of the smaller input
 * @param prepare makes the input, whose time is not counted, and gives the work on it
 */
export function growthOf(size: number, prepare: (size: number) => () => unknown): number {
  const [small, large] = [prepare(size), prepare(size * FACTOR)]
  let times = 1
  while (timeOf(small, times * FACTOR) < ENOUGH && times < 4096) times *= 2
  let growth = Number.POSITIVE_INFINITY
  let [leastSmall, leastLarge] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let runs = 0; runs < RUNS.fewest || (runs < RUNS.most && growth >= IN_PROPORTION); runs += 1) {
    leastSmall = Math.min(leastSmall, timeOf(small, times * FACTOR))
    leastLarge = Math.min(leastLarge, timeOf(large, times))
    growth = (FACTOR * leastLarge) / leastSmall
  }
  return growth
}

/** In milliseconds of CPU time. */
function timeOf(work: () => unknown, times: number): number {
  const began = process.cpuUsage()
  for (let time = 0; time < times; time += 1) work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}
