import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A command that runs again from its beginning each time it is asked to. */
export interface Restarter {
  /** Ends the command where it runs, and starts it. What is asked for meanwhile becomes one more start. */
  readonly restart: () => Promise<void>
  /** Ends it for good. */
  readonly end: () => Promise<void>
}

/** @param patience milliseconds that the command gets to end by itself after SIGTERM */
export function createRestarter(command: readonly [string, ...string[]], patience: number): Restarter {
  const [program, ...words] = command
  let child: ChildProcess | undefined
  let underWay: Promise<void> | undefined
  let again = false
  let ended = false

  const stop = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    const stubborn = child
    const timer = setTimeout(() => stubborn.kill('SIGKILL'), patience)
    child.kill('SIGTERM')
    await gone
    clearTimeout(timer)
  }
  const restartUntilNobodyAsks = async (): Promise<void> => {
    do {
      again = false
      await stop()
      if (!ended && !again) child = spawn(program, words, { stdio: 'inherit' })
    } while (again)
    underWay = undefined
  }

  return {
    restart: () => {
      again = underWay !== undefined
      underWay ??= restartUntilNobodyAsks()
      return underWay
    },
    end: async () => {
      ended = true
      await underWay
      await stop()
    },
  }
}
