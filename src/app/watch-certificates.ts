import { certificateWarnings, secondsUntilExpiry } from '../config/certificate-warnings.js'
import { certificatesNamedIn, type FoundCertificates } from '../config/certificates.js'
import { formatPath } from '../config/yaml/value-path.js'
import type { Foundation } from './start-telemetry.js'

const DAY = 86_400_000

/** Milliseconds for which what was read from the files is believed, however often somebody asks. */
const FRESH = 60_000

/**
 * Warns once a day of certificates that have expired or will within fourteen days, and tells the metrics how long is
 * left. What is found at the start and at a reload is told with the other warnings about the configuration.
 */
export function watchCertificates(
  { settings, log, shutdown, measure }: Pick<Foundation, 'settings' | 'log' | 'shutdown' | 'measure'>,
  now = (): Date => new Date(),
): void {
  let read: { readonly at: number; readonly of: object; readonly found: FoundCertificates } | undefined
  const found = (): FoundCertificates => {
    const { config } = settings.current
    const at = now().getTime()
    if (read?.of !== config || at - read.at >= FRESH) read = { at, of: config, found: certificatesNamedIn(config) }
    return read.found
  }
  const daily = setInterval(() => {
    for (const { path, message, hint } of certificateWarnings(found(), now()))
      log.warn({ hint }, `${formatPath(path)}: ${message}`)
  }, DAY)
  daily.unref()
  shutdown.close(() => clearInterval(daily))
  measure(() => ({ certificateSeconds: secondsUntilExpiry(found(), now()) }))
}
