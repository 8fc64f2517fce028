import { onClosed } from '../lib/on-closed.js'
import type { Dispatcher } from './dispatcher.js'
import { openDeviceSession, type SessionTarget } from './device-session.js'

/** Milliseconds that a device gets to take leave. */
const CLOSE_TIMEOUT = 5_000

/**
 * A session that is opened for each operation, and closed once its reply was read.
 * Once the operation is sent, a client that goes away does not undo it: its answer is waited for.
 */
export function oneShotSession(target: SessionTarget): Dispatcher {
  return {
    ask: async (operation, options) => {
      const { deadline, span } = options
      const opening = await openDeviceSession(target, { signal: deadline.signal, span })
      if (!opening.ok) return opening
      const { session } = opening
      const asked = await session.ask(operation, options)
      if (asked.ok) onClosed(asked.reply.body, () => void session.close(CLOSE_TIMEOUT))
      else session.abort('its request was not answered')
      return asked
    },
  }
}
