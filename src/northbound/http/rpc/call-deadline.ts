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
  const time = new AbortController()
  const gone = (): void => both.abort()
  const timer = setTimeout(() => {
    time.abort()
    both.abort()
  }, timeout)
  if (client.aborted) gone()
  else client.addEventListener('abort', gone)
  return {
    signal: both.signal,
    time: time.signal,
    timeout,
    passed: () => time.signal.aborted,
    met: () => {
      clearTimeout(timer)
      client.removeEventListener('abort', gone)
    },
  }
}
