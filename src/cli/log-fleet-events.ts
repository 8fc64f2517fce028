import { isCrowdRefusal } from '../fleet/crowd-refusal.js'
import type { FleetEmitter } from '../fleet/events.js'
import { homeportCommand } from '../lib/shell-word.js'
import type { Log } from '../telemetry/log.js'

/** One log line for each thing that happens in the fleet. */
export function logFleetEvents(events: FleetEmitter, log: Log, now = Date.now): void {
  const crowd = new Map<string, Crowd>()
  /** How many calls were refused for this reason unlogged before this one; undefined when it is one of too many, too. */
  const unloggedBefore = (reason: string): number | undefined => {
    let told = crowd.get(reason)
    if (told === undefined || now() - told.began >= crowdInterval) {
      const unlogged = told?.unlogged ?? 0
      told = { began: now(), lines: 0, unlogged }
      crowd.set(reason, told)
    }
    told.lines += 1
    if (told.lines > crowdLines) {
      told.unlogged += 1
      return undefined
    }
    const { unlogged } = told
    told.unlogged = 0
    return unlogged
  }
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
      { deviceId, source, hostKeyFingerprint, hint: homeportCommand('devices approve', deviceId) },
      'device pending: compare its fingerprint, then approve or reject it',
    ),
  )
  events.on('decided', ({ deviceId, standing, by }) => log.info({ deviceId, standing, by }, `device ${standing}`))
  events.on('refused', (refusal) => {
    const { deviceId, source, reason, message, hint } = refusal
    const unlogged = isCrowdRefusal(refusal) ? unloggedBefore(reason) : 0
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

/** Lines for one crowd reason at once, and milliseconds until there may be more. */
const crowdLines = 10
const crowdInterval = 10_000

interface Crowd {
  readonly began: number
  lines: number
  unlogged: number
}
