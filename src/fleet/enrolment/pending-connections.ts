import { onAbort } from '../../lib/on-abort.js'

/** `decided`: judge again, something has changed. The others end the connection. */
export type PendingOutcome = 'decided' | 'timeout' | 'too-many-pending' | 'another-key-pending' | 'given-up'

/** The connections of pending devices that this node holds. */
export interface PendingConnections {
  /** Holds a connection until its device is settled, it is gone, or it has been held for long enough. */
  readonly hold: (deviceId: string, gone: AbortSignal) => Promise<PendingOutcome>
  /** Lets the connection of a device go on, where one is held. */
  readonly settle: (deviceId: string, outcome: PendingOutcome) => void
  /** The same with all of them. */
  readonly settleAll: (outcome: PendingOutcome) => void
}

/** @param timeout milliseconds that one is held at most */
export function createPendingConnections(timeout: () => number): PendingConnections {
  const held = new Map<string, (outcome: PendingOutcome) => void>()
  return {
    hold: (deviceId, gone) => {
      // One connection is held for an id: the newest, because the older one may be half-open.
      held.get(deviceId)?.('given-up')
      return new Promise((resolve) => {
        const settle = (outcome: PendingOutcome): void => {
          clearTimeout(timer)
          stopListening()
          if (held.get(deviceId) === settle) held.delete(deviceId)
          resolve(outcome)
        }
        const giveUp = (): void => settle('given-up')
        const timer = setTimeout(() => settle('timeout'), timeout())
        held.set(deviceId, settle)
        let stopListening = (): void => undefined
        stopListening = onAbort(gone, giveUp)
      })
    },
    settle: (deviceId, outcome) => held.get(deviceId)?.(outcome),
    settleAll: (outcome) => {
      for (const settle of held.values()) settle(outcome)
    },
  }
}
