/** `promise`, or after `timeoutMs` milliseconds an error that says what was waited for. */
export async function within<T>(timeoutMs: number, what: string | (() => string), promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`after ${timeoutMs} ms still waiting for ${typeof what === 'string' ? what : what()}`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * What `probe` returns once that is neither undefined nor false; looks every 10 ms, gives up after `timeoutMs` (default
 * 5000 ms). For state that emits no event; where there is one, wait for the event.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 5000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`after ${timeoutMs} ms still waiting for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
