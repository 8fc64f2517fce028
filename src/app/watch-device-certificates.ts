import type { Fleet } from '../fleet/fleet.js'
import { inBackground } from '../lib/background.js'
import { DEVICE_CERTIFICATE_HINT, deviceCertificateInWords } from './device-certificates.js'
import type { Foundation } from './start-telemetry.js'

const DAY = 86_400_000

/** Devices that one warning names. */
const MOST_NAMED = 5

/**
 * Warns once a day of devices with a link whose host certificates have expired or will within fourteen days, and tells
 * the metrics of the fleet how long is left of the first. The log tells of each when it attaches.
 */
export function watchDeviceCertificates(
  { log, shutdown, measure }: Pick<Foundation, 'log' | 'shutdown' | 'measure'>,
  fleet: Pick<Fleet, 'counts' | 'devices'>,
  now = (): Date => new Date(),
): void {
  const warn = async (): Promise<void> => {
    const ending = (await fleet.devices()).flatMap(({ id, links = [] }) =>
      links.flatMap(({ certificateValidUntil: until }) => {
        const told = until === undefined ? undefined : deviceCertificateInWords(until, now())
        return until === undefined || told === undefined ? [] : [{ id, until: Date.parse(until), told }]
      }),
    )
    const [first] = ending.toSorted((one, other) => one.until - other.until)
    if (first === undefined) return
    const ids = [...new Set(ending.map(({ id }) => id))]
    const named = ids.slice(0, MOST_NAMED).join(', ') + (ids.length > MOST_NAMED ? ', \u2026' : '')
    log.warn(
      { deviceId: first.id, devices: ids.length, hint: DEVICE_CERTIFICATE_HINT },
      `host certificates of attached devices end: ${named}; that of ${first.id} ${first.told}`,
    )
  }
  const daily = setInterval(() => inBackground('fleet', warn()), DAY)
  daily.unref()
  shutdown.close(() => clearInterval(daily))
  measure(async () => {
    const { firstCertificateEnd: end, ...counts } = await fleet.counts()
    return { ...counts, deviceCertificateSeconds: end === undefined ? undefined : (end - now().getTime()) / 1000 }
  })
}
