import { onAbort } from './on-abort.js'

/**
 * Whether work is done within so many milliseconds, or before `force` is aborted; it goes on all the same. Rejects as
 * the work does.
 */
export async function within(milliseconds: number, work: Promise<unknown>, force?: AbortSignal): Promise<boolean> {
  let enough: () => void = () => undefined
  const waited = new Promise<false>((resolve) => {
    enough = () => resolve(false)
  })
  const timer = setTimeout(enough, milliseconds)
  const stopListening = onAbort(force, enough)
  try {
    return await Promise.race([work.then(() => true), waited])
  } finally {
    clearTimeout(timer)
    stopListening()
  }
}
