import { setMaxListeners } from 'node:events'

/**
 * Calls `aborted` once when the signal is aborted, at once where it is already: a listener alone hears nothing of what
 * came before it. Returns what stops listening. It is the one place that listens to an AbortSignal.
 */
export function onAbort(signal: AbortSignal | undefined, aborted: () => void): () => void {
  if (signal === undefined) return () => undefined
  if (signal.aborted) {
    aborted()
    return () => undefined
  }
  // Many may wait for the end of one connection or of the bridge; each of them stops listening, so their number is no
  // leak.
  setMaxListeners(0, signal)
  signal.addEventListener('abort', aborted, { once: true })
  return () => signal.removeEventListener('abort', aborted)
}

/** Waits so many milliseconds, or until the signal is aborted; never rejects. The wait keeps no process alive. */
export function pauseUnlessAborted(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let stopListening = (): void => undefined
    const end = (): void => {
      clearTimeout(timer)
      stopListening()
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    timer.unref()
    stopListening = onAbort(signal, end)
  })
}
