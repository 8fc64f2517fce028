import { onAbort } from '../lib/on-abort.js'

/** When a call is over: its time is up, or its client has gone. */
export interface CallDeadline {
  /** Aborts for either reason. */
  readonly signal: AbortSignal
  /** Aborts when the time is up alone. */
  readonly time: AbortSignal
  /** Milliseconds in all. */
  readonly timeout: number
  readonly passed: () => boolean
  /** The answer has begun: its time no longer counts. */
  readonly met: () => void
}

export function createCallDeadline(client: AbortSignal, timeout: number): CallDeadline {
  const both = new AbortController()
  let time: AbortController | undefined
  let passed = false
  const gone = (): void => both.abort()
  const timer = setTimeout(() => {
    passed = true
    time?.abort()
    both.abort()
  }, timeout)
  const stopListening = onAbort(client, gone)
  return {
    signal: both.signal,
    // Made where it is asked for: most calls have no use for it.
    get time() {
      time ??= new AbortController()
      if (passed) time.abort()
      return time.signal
    },
    timeout,
    passed: () => passed,
    met: () => {
      clearTimeout(timer)
      stopListening()
    },
  }
}
