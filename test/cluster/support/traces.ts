import { createRandom, type Random } from '../../fuzz/random.js'
import { createWorld, type Logic, type World } from './model-world.js'

/** Something that happens, and how long it is until the next. All that is by chance in it hangs on its own seed. */
export interface Step {
  readonly what: keyof typeof STEPS
  readonly seed: number
  readonly wait: number
}

const NODES = ['a', 'b', 'c']
const DEVICES = ['router1', 'router2']
const STEPS_OF_A_TRACE = 60

const two = (random: Random, ends: readonly string[]): readonly [string, string] => {
  const from = random.pick(ends)
  return [from, random.pick(ends.filter((end) => end !== from))]
}
const ENDS = [...NODES, 'engine']

/** What may happen, and how often. */
const STEPS = {
  dial: [20, (world: World, random: Random) => world.dial(random.pick(DEVICES), random.pick(NODES))],
  lose: [4, (world: World, random: Random) => world.lose(random.pick(DEVICES), random.chance(0.5))],
  ask: [10, (world: World, random: Random) => world.ask(random.pick(DEVICES), random.pick(NODES))],
  pause: [4, (world: World, random: Random) => world.pause(random.pick(NODES))],
  resume: [6, (world: World, random: Random) => world.resume(random.pick(NODES))],
  kill: [2, (world: World, random: Random) => world.kill(random.pick(NODES))],
  restart: [5, (world: World, random: Random) => world.restart(random.pick(NODES))],
  cut: [5, (world: World, random: Random) => world.cut(...two(random, ENDS))],
  mend: [8, (world: World, random: Random) => world.mend(...two(random, ENDS))],
  drop: [4, (world: World, random: Random) => world.drop(...two(random, NODES))],
  'engine-goes': [3, (world: World) => world.engineGoes(false)],
  'engine-loses': [2, (world: World) => world.engineGoes(true)],
  'engine-comes': [8, (world: World) => world.engineComes()],
} as const satisfies Readonly<Record<string, readonly [number, (world: World, random: Random) => unknown]>>

const BAG = Object.entries(STEPS).flatMap(([what, [weight]]) => Array.from({ length: weight }, () => what))

/** The steps of a seed. */
export function traceOf(seed: number): readonly Step[] {
  const random = createRandom(seed)
  return Array.from({ length: STEPS_OF_A_TRACE }, () => ({
    what: random.pick(BAG) as Step['what'],
    seed: random.below(2 ** 32),
    wait: random.chance(0.4) ? random.below(10) : random.chance(0.85) ? random.below(500) : random.below(8_000),
  }))
}

/** What does not hold, after these steps and after all is mended. */
export async function runTrace(steps: readonly Step[], seed: number, logic: Logic): Promise<readonly string[]> {
  let chance = createRandom(seed)
  const random: Random = {
    below: (bound) => chance.below(bound),
    chance: (probability) => chance.chance(probability),
    pick: (list) => chance.pick(list),
    bytes: (count) => chance.bytes(count),
  }
  const world = createWorld({ logic, random, nodes: NODES, devices: DEVICES })
  try {
    await world.run(3_000)
    for (const { what, seed: own, wait } of steps) {
      chance = createRandom(own)
      const [, act] = STEPS[what]
      act(world, random)
      await world.run(wait)
      if (world.violations.length > 0) return world.violations
    }
    chance = createRandom(seed + 1)
    await world.heal((device) => (device === DEVICES[0] || random.chance(0.5) ? random.pick(NODES) : undefined))
    return world.violations
  } finally {
    world.close()
  }
}

export interface FailingTrace {
  readonly seed: number
  readonly violations: readonly string[]
  /** As few steps as still show it. */
  readonly steps: readonly Step[]
}

/** Runs the traces of these seeds; the failing ones, the first made as short as can be. */
export async function runTraces(
  from: number,
  count: number,
  logic: Logic,
  { untilOne = false }: { readonly untilOne?: boolean } = {},
): Promise<readonly FailingTrace[]> {
  const failing: FailingTrace[] = []
  for (let seed = from; seed < from + count; seed += 1) {
    const steps = traceOf(seed)
    const violations = await runTrace(steps, seed, logic)
    if (violations.length === 0) continue
    failing.push(failing.length > 0 ? { seed, violations, steps } : await shrink({ seed, violations, steps }, logic))
    if (untilOne) break
  }
  return failing
}

/** Leaves out whatever is not needed: halves first, then fewer, then single steps, as long as anything goes. */
async function shrink(trace: FailingTrace, logic: Logic): Promise<FailingTrace> {
  let shortest = trace
  for (let size = Math.ceil(trace.steps.length / 2); size >= 1; ) {
    const shorter = await withoutSome(shortest, size, logic)
    if (shorter !== undefined) shortest = shorter
    else size = size === 1 ? 0 : Math.ceil(size / 2)
  }
  return shortest
}

async function withoutSome(
  { seed, steps }: FailingTrace,
  size: number,
  logic: Logic,
): Promise<FailingTrace | undefined> {
  for (let at = 0; at < steps.length; at += size) {
    const fewer = [...steps.slice(0, at), ...steps.slice(at + size)]
    const violations = await runTrace(fewer, seed, logic)
    if (violations.length > 0) return { seed, violations, steps: fewer }
  }
  return undefined
}

/** A failing trace in words: what to look at, and the seed by which it comes again. */
export function describeTrace({ seed, violations, steps }: FailingTrace): string {
  return [
    `seed ${seed}: ${violations.join('; ')}`,
    ...steps.map(({ what, seed: own, wait }) => `  ${what} (${own}), then ${wait} ms`),
  ].join('\n')
}
