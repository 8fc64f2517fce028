import { createFleetEmitter, type FleetEmitter } from '../fleet/fleet-emitter.js'
import { COUNTED_REASONS } from '../fleet/refusals/catalogue.js'
import { createMetrics } from '../telemetry/create-metrics.js'
import { type EventLoopStall, watchForStalls } from '../telemetry/event-loop-stalls.js'
import type { Log } from '../telemetry/log.js'
import type { Metrics, Readings } from '../telemetry/metrics.js'
import type { CurrentTracer } from '../telemetry/traces.js'
import type { ReadConfig } from './about-the-bridge.js'
import { countFleetEvents } from './count-fleet-events.js'
import { logFaults } from './log-faults.js'
import { logFleetEvents } from './log-fleet-events.js'
import { createStallLog } from './log-stalls.js'
import { version } from './package-info.js'
import type { LiveSettings } from './settings.js'
import type { Shutdown } from './stop-bridge.js'
import { startTracing } from './tracing.js'

/** What every stage of the start works with. */
export interface Foundation {
  readonly settings: LiveSettings
  /** The file that they came from; undefined where there is none. */
  readonly readConfig: ReadConfig | undefined
  readonly log: Log
  readonly shutdown: Shutdown
  readonly metrics: Metrics
  readonly tracer: CurrentTracer
  /** What happens in the fleet. It is logged and counted already. */
  readonly events: FleetEmitter
  /** Has a stage tell what there is of its own, whenever somebody reads the metrics. */
  readonly measure: (read: () => Partial<Readings> | Promise<Partial<Readings>>) => void
}

/** What the metrics say before the stage has started that knows. */
const NOTHING_YET: Readings = {
  ready: false,
  auditFails: false,
  storeFails: false,
  waitingWebhookEvents: 0,
  attachedDevices: 0,
  links: 0,
  linkKeyExchanges: { 'post-quantum': 0, classical: 0 },
  clientKeyExchanges: { 'post-quantum': 0, classical: 0 },
  sessions: { ssh: 0, http: 0 },
  waitingSessions: 0,
  eventStreams: 0,
  bytes: { fromClient: 0, fromDevice: 0 },
  clients: 0,
  handshakes: {},
  clientHandshakes: {},
  devices: {},
  certificateSeconds: {},
  deviceCertificateSeconds: undefined,
  cluster: undefined,
}

/** Starts what tells how the bridge is: log lines of what happens, metrics, traces. */
export async function startTelemetry(
  start: Pick<Foundation, 'settings' | 'readConfig' | 'log' | 'shutdown'>,
): Promise<Foundation> {
  const { settings, log, shutdown } = start
  const measured: (() => Partial<Readings> | Promise<Partial<Readings>>)[] = []
  const readings = async (): Promise<Readings> => {
    const parts = await Promise.all(measured.map(async (read) => read()))
    return parts.reduce<Readings>((all, part) => ({ ...all, ...part }), NOTHING_YET)
  }
  const metrics = createMetrics({ version, readings, reasons: COUNTED_REASONS })
  shutdown.close(() => metrics.stop())
  shutdown.close(logFaults(log, metrics.faults))

  const events = createFleetEmitter()
  logFleetEvents(events, log)
  countFleetEvents(events, metrics.fleet)

  const tracing = await startTracing(settings, log, metrics.traces)
  shutdown.close(() => tracing.close())
  return { ...start, metrics, tracer: tracing.tracer, events, measure: (read) => void measured.push(read) }
}

/** Watches for stalls of the event loop, as soon as there is anybody whom they keep waiting. */
export function watchStalls({ metrics, log, shutdown }: Pick<Foundation, 'metrics' | 'log' | 'shutdown'>): void {
  const logStall = createStallLog(log)
  const stopWatching = watchForStalls((stall: EventLoopStall) => {
    metrics.eventLoop.stalled(stall.work?.kind ?? 'many', stall.milliseconds / 1000)
    logStall(stall)
  })
  shutdown.close(stopWatching)
}
