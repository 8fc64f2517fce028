import type { Fleet } from '../fleet/fleet.js'
import type { SessionClient } from '../fleet/session-client.js'
import type { StreamedReply } from '../netconf/reply-sinks.js'
import type { SentOperation } from '../netconf/written-operation.js'
import { onClosed } from '../lib/on-closed.js'
import type { Span } from '../telemetry/traces.js'
import type { CallDeadline } from './call-deadline.js'
import { type Failed, failedWith, unanswered } from './call-failure.js'
import { openDeviceSession } from './device-session.js'

/** Milliseconds that a device gets to take leave. */
const CLOSE_TIMEOUT = 5_000

/**
 * Sends one operation on a session of its own, which is closed once the reply was read.
 * Once the operation is sent, a client that goes away does not undo it: its answer is waited for.
 */
export async function askOnOneShotSession(
  fleet: Pick<Fleet, 'openSession'>,
  deviceId: string,
  client: SessionClient,
  operation: SentOperation,
  deadline: CallDeadline,
  span?: Span,
): Promise<{ readonly ok: true; readonly reply: StreamedReply } | Failed> {
  const opening = await openDeviceSession(fleet, deviceId, client, deadline.signal, { span })
  if (!opening.ok) return opening
  const { session } = opening
  try {
    const reply = await session.stream(operation, { signal: deadline.time })
    onClosed(reply.body, () => void session.close(CLOSE_TIMEOUT))
    return { ok: true, reply }
  } catch (thrown) {
    session.abort('its request was not answered')
    return failedWith(unanswered(deviceId, thrown, session.linkEnd()))
  }
}
