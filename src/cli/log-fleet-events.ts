import type { FleetEmitter } from '../fleet/events.js'
import type { Log } from '../telemetry/log.js'

/** One log line for each thing that happens in the fleet. */
export function logFleetEvents(events: FleetEmitter, log: Log): void {
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
  events.on('pending', ({ deviceId, source, hostKeyFingerprint }) =>
    log.warn(
      { deviceId, source, hostKeyFingerprint, hint: `homeport devices approve ${deviceId}` },
      'device pending: compare its fingerprint, then approve or reject it',
    ),
  )
  events.on('decided', ({ deviceId, standing, by }) => log.info({ deviceId, standing, by }, `device ${standing}`))
  events.on('refused', ({ deviceId, source, reason, message, hint }) =>
    log.warn(
      { ...(deviceId === undefined ? {} : { claimed: deviceId }), source, reason, hint },
      `call refused: ${message}`,
    ),
  )
}
