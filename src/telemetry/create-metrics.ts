import { createInstruments } from './instruments.js'
import {
  weakAlgorithmCounter,
  callHomeMetrics,
  clientMetrics,
  createReadingGauges,
  eventLoopMetrics,
  fleetMetrics,
  operationMetrics,
} from './metric-families.js'
import type { Metrics, MetricsOptions } from './metrics.js'

/**
 * The metrics of a node, in a registry of their own. No label ever names a device, a user or a source: 10,000 devices
 * would be 10,000 time series each. Every metric stands in docs/monitoring.md.
 */
export function createMetrics({ version, readings, reasons }: MetricsOptions): Metrics {
  const instruments = createInstruments()
  const { gauge, counter, counterOf, countByReason } = instruments
  gauge('build_info', 'What runs here; always 1.', 'version', 'node').set({ version, node: process.version }, 1)
  const setReadings = createReadingGauges(instruments)
  // Both the fleet and whoever serves clients refuse sessions, and both devices and clients are forgotten.
  const sessionRefused = countByReason('sessions_refused_total', 'Sessions that were refused.', {
    known: reasons.sessions,
  })
  const forgotten = counterOf(
    'familiar_forgotten_total',
    'Devices and sources that were forgotten as known ones, because there are more than are remembered.',
    { label: 'where', values: ['call-home', 'clients'] },
  )
  const weakAlgorithm = weakAlgorithmCounter(instruments)
  const fleet = fleetMetrics(instruments, reasons, { sessionRefused, weakAlgorithm })
  const callHome = callHomeMetrics(instruments, () => forgotten.inc({ where: 'call-home' }))
  const clients = clientMetrics(instruments, reasons.logins, {
    sessionRefused,
    familiarForgotten: () => forgotten.inc({ where: 'clients' }),
    weakAlgorithms: (names) => {
      for (const name of names) weakAlgorithm('client', name)
    },
  })
  const linesLost = counter('audit_lines_lost_total', 'Lines of the audit log that were never written.')
  const webhookEvents = counterOf('webhook_events_total', 'Events for webhooks, by how they ended.', {
    label: 'outcome',
    values: ['delivered', 'given-up'],
  })
  const claims = counter('cluster_claims_total', 'Claims of devices, by what became of them.', 'outcome')
  const spansDropped = counter('trace_spans_dropped_total', 'Spans of traces that were lost, by reason.', 'reason')
  const faults = counter('faults_total', 'Faults of the bridge itself, by where they came up.', 'where')
  const eventLoop = eventLoopMetrics(instruments)
  instruments.addDefaults()
  return {
    fleet,
    callHome,
    clients,
    operations: operationMetrics(instruments),
    audit: { linesLost: (lines) => linesLost.inc(lines) },
    webhooks: { eventEnded: (outcome) => webhookEvents.inc({ outcome }) },
    cluster: { claimed: (outcome, some) => claims.inc({ outcome }, some) },
    traces: { spansDropped: (reason, spans) => spansDropped.inc({ reason }, spans) },
    eventLoop,
    faults: { faultFound: (where) => faults.inc({ where }) },
    exposition: async () => {
      setReadings(await readings())
      return instruments.exposition()
    },
    stop: () => {
      eventLoop.stop()
      instruments.clear()
    },
  }
}
