import { inBackground } from '../lib/background.js'
import type { Live, Prepared } from '../lib/live-value.js'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/schema.js'
import type { Log } from '../telemetry/log.js'
import type { TraceMetrics } from '../telemetry/metrics.js'
import type { CurrentTracer, Traces, TraceSettings } from '../telemetry/traces.js'
import { version } from './package-info.js'

/** The traces of a running bridge, as far as they are switched on. */
export interface Tracing {
  /** What calls and sessions are traced by that begin now; those under way are traced to their end as they began. */
  readonly tracer: CurrentTracer
  /** Delivers what waits, for a bounded time. */
  readonly close: () => Promise<void>
}

/** Milliseconds that the end of the bridge waits for the collector. */
const CLOSE_TIMEOUT = 2_000

export async function startTracing(
  settings: Live<{ readonly config: Pick<Config, 'traces'> }>,
  log: Log,
  metrics: TraceMetrics,
): Promise<Tracing> {
  const wanted = (config: Pick<Config, 'traces'>): Promise<Traces | undefined> =>
    config.traces === undefined ? Promise.resolve(undefined) : open(config.traces, log, metrics)
  let traced = settings.current.config.traces
  let traces = await wanted(settings.current.config)
  const all = new Set(traces === undefined ? [] : [traces])

  const retire = (old: Traces): void =>
    inBackground(
      'traces',
      old.retire(CLOSE_TIMEOUT).then(() => all.delete(old)),
    )
  settings.beforeChange(
    ({ config }) => config,
    async (next) => {
      if (isDeepStrictEqual(next.traces, traced)) return UNCHANGED
      const opened = await wanted(next)
      if (opened !== undefined) all.add(opened)
      return {
        apply: () => {
          const before = traces
          traced = next.traces
          traces = opened
          if (before !== undefined) retire(before)
        },
        discard: () => opened && retire(opened),
      }
    },
  )
  return {
    tracer: () => traces?.tracer,
    close: async () => {
      await Promise.all([...all].map((each) => each.close(CLOSE_TIMEOUT)))
    },
  }
}

const UNCHANGED: Prepared = { apply: () => undefined, discard: () => undefined }

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
