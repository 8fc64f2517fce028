import { onAbort } from '../lib/on-abort.js'
import type { Elsewhere } from './elsewhere.js'
import type { FleetEntry } from './fleet-entry.js'
import type { LastKnown } from './refusals/sessions.js'

/** Those who wait for a device that has no link to call. */
export interface LinkWaits {
  /** Settles when the device attaches a link, or after `wait` milliseconds, or when the client gave up. */
  readonly forLink: (entry: FleetEntry, wait: number, signal: AbortSignal | undefined) => Promise<void>
  /** Waits for a device to have a link, for at most so many milliseconds; whether it has one then. */
  readonly whenAttached: (deviceId: string, wait: number, signal?: AbortSignal) => Promise<boolean>
  /**
   * Milliseconds that a client may still wait for a device to call; none for one that is not expected soon.
   * @param began when the client asked, in milliseconds since 1970
   * @param elsewhere how its last link at another node ended, where that is known
   */
  readonly timeLeft: (entry: FleetEntry, began: number, elsewhere?: Lost) => number
  /** What there is to tell of a device that has no link. */
  readonly lastKnown: (entry: FleetEntry, elsewhere?: Lost) => Promise<LastKnown>
  /** Lets everybody who waits for this device look again. */
  readonly wake: (entry: FleetEntry) => void
}

/** How the last link of a device ended. */
type Lost = NonNullable<FleetEntry['lastDetached']>

/** The later one: a device may have been here after it was there. */
function laterOf(here: Lost | undefined, elsewhere: Lost | undefined): Lost | undefined {
  if (here === undefined || elsewhere === undefined) return here ?? elsewhere
  return elsewhere.at > here.at ? elsewhere : here
}

/** What is known of the time before this process. */
export interface StartOfProcess {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Whether a device was attached when the process before this one ended, and has not called since. */
  readonly lost: (deviceId: string) => boolean
  readonly lastSeen: (deviceId: string) => Promise<Date | undefined>
  /** Whether call-home connections still wait for their handshakes. */
  readonly crowd: () => boolean
}

/** Milliseconds between two looks whether the crowd of a start is still there. */
const CROWD_LOOK = 1_000

export function createLinkWaits({
  find,
  limits,
  state,
  start,
  elsewhere,
  now,
}: {
  readonly find: (deviceId: string) => FleetEntry | undefined
  readonly limits: () => {
    readonly reconnectWait: number
    readonly reconnectWindow: number
    readonly startWait: number
  }
  readonly state: () => 'open' | 'draining' | 'closed'
  readonly start: StartOfProcess
  /** The other nodes; absent for a bridge alone. */
  readonly elsewhere?: Pick<Elsewhere, 'nodeOf' | 'watch'>
  readonly now: () => number
}): LinkWaits {
  const forLink: LinkWaits['forLink'] = (entry, wait, signal) =>
    new Promise((resolve) => {
      const waiting = (entry.waiting ??= new Set())
      const wake = (): void => {
        waiting.delete(wake)
        clearTimeout(timer)
        stopListening()
        resolve()
      }
      const timer = setTimeout(wake, wait)
      waiting.add(wake)
      let stopListening = (): void => undefined
      stopListening = onAbort(signal, wake)
    })

  const wakeAll: LinkWaits['wake'] = ({ waiting }) => {
    for (const wake of waiting ?? []) wake()
  }

  const whenAttached: LinkWaits['whenAttached'] = async (deviceId, wait, signal) => {
    const until = now() + wait
    for (;;) {
      const entry = find(deviceId)
      if (entry === undefined || state() === 'closed' || signal?.aborted) return false
      if (entry.attachments.length > 0 || elsewhere?.nodeOf(deviceId) !== undefined) return true
      const left = until - now()
      if (left <= 0) return false
      const stopWatching = elsewhere?.watch(deviceId, () => wakeAll(entry))
      await forLink(entry, left, signal)
      stopWatching?.()
    }
  }

  return {
    forLink,
    whenAttached,
    timeLeft: ({ device: { id }, lastDetached: here }, began, elsewhere) => {
      const lastDetached = laterOf(here, elsewhere)
      // Its link was lost with the process before, as far as its clients are concerned at the start of this one.
      const lost = lastDetached?.at.getTime() ?? (start.lost(id) ? start.at : undefined)
      const isExpected = lost !== undefined && began - lost <= limits().reconnectWindow
      if (!isExpected || lastDetached?.end.reason === 'let-go') return 0
      const left = began + limits().reconnectWait - now()
      if (lastDetached !== undefined || left > 0 || !start.crowd()) return left
      return Math.min(began + limits().startWait - now(), CROWD_LOOK)
    },
    lastKnown: async ({ device: { id }, lastDetached, lastRefusal }, elsewhere) => ({
      detached: laterOf(lastDetached, elsewhere),
      refusal: lastRefusal,
      startedAt: start.at,
      seen: await start.lastSeen(id),
    }),
    wake: wakeAll,
  }
}
