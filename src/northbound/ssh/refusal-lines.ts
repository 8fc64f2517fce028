import { createRateLimit } from '../../lib/rate-limit.js'
import type { Log } from '../../telemetry/log.js'

/** Lines on refusals of one reason that one user, and all users together, may have logged in a while. */
const LINES = { each: 20, all: 200, interval: 10_000 }

/** What a client that has logged in was refused. */
export interface RefusedClient {
  readonly what: 'session refused' | 'jump refused' | 'port refused' | 'client refused'
  readonly user: string
  /** A word of the code. */
  readonly reason: string
  readonly message: string
  /** Missing where it is the device that refused, and nothing is wrong here. */
  readonly hint?: string
  readonly fields?: Readonly<Record<string, unknown>>
}

/** Logs what a client was refused: of a client that asks without end the first lines, and how many more there were. */
export type RefusalLines = (log: Log, refused: RefusedClient) => void

export function createRefusalLines(now = Date.now): RefusalLines {
  const limit = createRateLimit(LINES, now)
  return (log, { what, user, reason, message, hint, fields }) => {
    const notLogged = limit(`${what} ${reason}`, user)
    if (notLogged === undefined) return
    const shown = {
      ...fields,
      reason,
      ...(hint === undefined ? {} : { hint }),
      ...(notLogged === 0 ? {} : { notLogged }),
    }
    log[hint === undefined ? 'info' : 'warn'](shown, `${what}: ${message}`)
  }
}
