import { inBackground } from '../lib/background.js'

/** What decides when a device that calls home from time to time is let go. */
export interface PeriodicLink {
  /** Whether a client has a session on it, or waits for one. */
  readonly busy: () => boolean
  /**
   * Whether something waits for it beside; asked only before it is let go, because that may take a while to find out.
   */
  readonly hasWork: () => Promise<boolean>
  /** Milliseconds without work. */
  readonly idleTimeout: () => number
  /** Takes leave and ends the link, unless work came meanwhile. */
  readonly letGo: () => Promise<void>
}

/** Milliseconds between two looks, at most. */
const LOOK = 1_000

/**
 * Lets the device of a periodic connection go (ietf-netconf-server, `connection-type/periodic`) once its work is done:
 * its jobs first, then its clients, then nothing for `idleTimeout`.
 * @returns what ends that
 */
export function letGoWhenDone({ busy, hasWork, idleTimeout, letGo }: PeriodicLink): () => void {
  let idleSince = performance.now()
  let going = false
  let over = false
  const look = (): void => {
    if (going) return
    if (busy()) {
      idleSince = performance.now()
      return
    }
    if (performance.now() - idleSince < idleTimeout()) return
    going = true
    const done = letGoUnlessWanted().finally(() => {
      going = false
    })
    inBackground('fleet', done)
  }
  const letGoUnlessWanted = async (): Promise<void> => {
    const wanted = await hasWork()
    if (over) return
    // The answer may have taken a while, and a client may have come meanwhile.
    if (wanted || busy()) idleSince = performance.now()
    else await letGo()
  }
  const timer = setInterval(look, Math.max(50, Math.min(LOOK, idleTimeout() / 4)))
  timer.unref()
  return () => {
    over = true
    clearInterval(timer)
  }
}
