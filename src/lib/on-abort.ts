/**
 * Calls `aborted` once when the signal is aborted, at once where it is already: a listener alone hears nothing of what came before it.
 * Returns what stops listening.
 */
export function onAbort(signal: AbortSignal | undefined, aborted: () => void): () => void {
  if (signal === undefined) return () => undefined
  if (signal.aborted) {
    aborted()
    return () => undefined
  }
  signal.addEventListener('abort', aborted, { once: true })
  return () => signal.removeEventListener('abort', aborted)
}
