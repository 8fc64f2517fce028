import { within } from '../lib/deadline.js'
import { onAbort } from '../lib/on-abort.js'
import type { Log } from '../telemetry/log.js'

/**
 * How the bridge ends. Each stage of the start says here how a thing ends as soon as it has opened it, so that a start
 * that fails half-way closes what there is by then, and nothing else.
 */
export interface Shutdown {
  /** First: nothing new is taken any more. All of these steps at once, the last one first. */
  readonly refuse: (step: () => void) => void
  /** Second: settles when what is under way has ended. One step after the other, the first one first. */
  readonly drain: (step: () => Promise<unknown>) => void
  /** Third: ends what is still under way. All of these steps at once, the last one first. */
  readonly cutOff: (step: () => void) => void
  /** Last: lets go of what was opened. One step after the other, the last one first. */
  readonly close: (step: () => unknown) => void
  /** Runs the steps; a further call waits for the same end and may hasten it. A step that fails is logged. */
  readonly stop: (options: StopOptions) => Promise<void>
}

export interface StopOptions {
  /** Milliseconds that what is under way has to end. */
  readonly drainTimeout: number
  /** Ends the waiting. */
  readonly force?: AbortSignal | undefined
  /** Told before what is still under way is ended. */
  readonly onCutOff?: () => Promise<void>
}

/** Makes the list of steps that the stages of the start add to. */
export function createShutdown(log: Log): Shutdown {
  const refusing: (() => void)[] = []
  const draining: (() => Promise<unknown>)[] = []
  const cuttingOff: (() => void)[] = []
  const closing: (() => unknown)[] = []
  const forced = new AbortController()
  let stopping: Promise<void> | undefined

  const attempt = async (step: () => unknown): Promise<void> => {
    try {
      await step()
    } catch (error) {
      log.error({ err: error }, 'a part of the bridge did not end in order: a fault of the bridge')
    }
  }
  const drained = async (): Promise<void> => {
    for (const step of draining) await attempt(step)
  }
  const run = async ({ drainTimeout, onCutOff }: StopOptions): Promise<void> => {
    await Promise.all(refusing.toReversed().map(attempt))
    const inTime = await within(drainTimeout, drained(), forced.signal)
    if (!inTime && onCutOff !== undefined) await attempt(onCutOff)
    await Promise.all(cuttingOff.toReversed().map(attempt))
    for (const step of closing.toReversed()) await attempt(step)
  }
  return {
    refuse: (step) => void refusing.push(step),
    drain: (step) => void draining.push(step),
    cutOff: (step) => void cuttingOff.push(step),
    close: (step) => void closing.push(step),
    stop: async (options) => {
      const stopListening = onAbort(options.force, () => forced.abort())
      stopping ??= run(options)
      await stopping
      stopListening()
    },
  }
}
