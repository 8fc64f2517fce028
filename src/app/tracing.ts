import { inBackground } from '../lib/background.js'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/schema.js'
import type { Log } from '../telemetry/log.js'
import type { TraceMetrics } from '../telemetry/metrics.js'
import type { CurrentTracer, Traces, TraceSettings } from '../telemetry/traces.js'
import { version } from './package-info.js'

/** The traces of a running bridge, as far as they are switched on. */
export interface Tracing {
  readonly tracer: CurrentTracer
  /** Applies a new configuration to calls and sessions that begin from now on; those under way are traced to their end as they began. */
  configure(config: Pick<Config, 'traces'>): Promise<void>
  /** Delivers what waits, for a bounded time. */
  close(): Promise<void>
}

/** Milliseconds that the end of the bridge waits for the collector. */
const closeTimeout = 2_000

export async function startTracing(config: Pick<Config, 'traces'>, log: Log, metrics: TraceMetrics): Promise<Tracing> {
  let settings: TraceSettings | undefined
  let traces: Traces | undefined
  const all = new Set<Traces>()
  const configure: Tracing['configure'] = async ({ traces: next }) => {
    if (isDeepStrictEqual(next, settings)) return
    const opened = next === undefined ? undefined : await open(next, log, metrics)
    const before = traces
    settings = next
    traces = opened
    if (opened !== undefined) all.add(opened)
    if (before === undefined) return
    const retired = before.retire(closeTimeout).then(() => all.delete(before))
    inBackground('traces', retired)
  }
  await configure(config)
  return {
    tracer: () => traces?.tracer,
    configure,
    close: async () => {
      await Promise.all([...all].map((each) => each.close(closeTimeout)))
    },
  }
}

async function open(settings: TraceSettings, log: Log, metrics: TraceMetrics): Promise<Traces> {
  // Loading the SDK takes longer than all the rest of the start.
  const { openTraces } = await import('../telemetry/opentelemetry.js')
  // Without what may be a secret in it.
  const collector = new URL(settings.endpoint).host
  return openTraces(settings, version, {
    onState: (state) => {
      if (state === undefined) log.info({ collector }, 'traces are delivered again')
      else log.warn({ collector, ...state }, 'traces are not delivered; what cannot wait is dropped')
    },
    onDropped: metrics.spansDropped,
  })
}
