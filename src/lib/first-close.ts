import type { EventEmitter } from 'node:events'

/**
 * Calls the listener once, when the first of these closes; none of them keeps a listener of ours then, however long it
 * lives on.
 */
export function onFirstClose(emitters: readonly EventEmitter[], listener: () => void): void {
  const closed = (): void => {
    for (const emitter of emitters) emitter.off('close', closed)
    listener()
  }
  for (const emitter of emitters) emitter.once('close', closed)
}
