import { isCrowdRefusal, partyOf } from '../fleet/crowd-refusal.js'
import type { FleetEmitter } from '../fleet/events.js'
import { homeportCommand } from '../lib/shell-word.js'
import { createRateLimit } from '../lib/rate-limit.js'
import type { Log } from '../telemetry/log.js'

/** One log line for each thing that happens in the fleet; of what strangers cause without end, a few. */
export function logFleetEvents(events: FleetEmitter, log: Log, now = Date.now): void {
  const limit = createRateLimit(refusalLines, now)
  events.on('attached', ({ deviceId, source, hostKeyFingerprint, software }) =>
    log.info({ deviceId, source, hostKeyFingerprint, software }, 'link attached'),
  )
  events.on('replaced', ({ deviceId, source, oldSource, sessions }) =>
    log.warn({ deviceId, source, oldSource, sessions }, 'link replaced by a newer one of the same device'),
  )
  events.on('detached', ({ deviceId, source, end }) =>
    log[end.reason === 'shutdown' ? 'info' : 'warn'](
      { deviceId, source, reason: end.reason },
      `link detached: ${end.message}`,
    ),
  )
  events.on('pending', ({ deviceId, source, hostKeyFingerprint }) => {
    const unlogged = limit('pending', deviceId, pendingLines)
    if (unlogged === undefined) return
    log.warn(
      {
        deviceId,
        source,
        hostKeyFingerprint,
        hint: homeportCommand(`devices approve --fingerprint ${hostKeyFingerprint}`, deviceId),
        ...(unlogged === 0 ? {} : { notLogged: unlogged }),
      },
      'device pending: compare its fingerprint, then approve or reject it',
    )
  })
  events.on('decided', ({ deviceId, standing, by }) => log.info({ deviceId, standing, by }, `device ${standing}`))
  events.on('refused', (refusal) => {
    const { deviceId, source, reason, message, hint } = refusal
    const unlogged = limit(reason, partyOf(refusal), isCrowdRefusal(refusal) ? crowdLines : refusalLines)
    if (unlogged === undefined) return
    log.warn(
      {
        ...(deviceId === undefined ? {} : { claimed: deviceId }),
        source,
        reason,
        hint,
        ...(unlogged === 0 ? {} : { notLogged: unlogged }),
      },
      `call refused: ${message}`,
    )
  })
}

/** Lines of one reason: of a claimed device id or a source, and of all of them. */
const refusalLines = { each: 50, all: 200, interval: 10_000 }
/** Lines of devices that begin to wait for an operator, each time that they call. */
const pendingLines = { each: 5, all: 100, interval: 10_000 }
/** Lines of a reason that tells of the bridge, whoever called. */
const crowdLines = { each: 10, all: 10, interval: 10_000 }
