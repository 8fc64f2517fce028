import { randomUUID } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { type Context, ROOT_CONTEXT, type Span as ApiSpan, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { within } from '../lib/deadline.js'
import type {
  CallersTrace,
  DeliveryFailure,
  Span,
  SpanOptions,
  TraceObserver,
  Traces,
  TraceSettings,
} from './traces.js'

/** Spans of one delivery. */
const BATCH_SIZE = 512
/** Milliseconds that a span waits for others at most. */
const BATCH_DELAY = 1_000
/** Milliseconds that spans which are open at the end have to end by themselves. */
const LAST_SPANS = 500
/** Characters of an attribute: a device id fits, and what a client made longer is cut off. */
const LONGEST_ATTRIBUTE = 1024

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }
const propagator = new W3CTraceContextPropagator()

/**
 * Delivers spans by OTLP over HTTP, with OpenTelemetry's SDK. Nothing is registered globally, and nothing else may
 * import this file than by `import()`: whoever has no traces does not load the SDK.
 */
export function openTraces(settings: TraceSettings, version: string, observer: TraceObserver): Traces {
  const { endpoint, headers, sampleRatio, serviceName, timeout, maxQueued } = settings
  const agent = new (endpoint.startsWith('https:') ? HttpsAgent : HttpAgent)({ keepAlive: true })
  const exporter = observedExporter(
    new OTLPTraceExporter({
      url: endpoint,
      headers: { ...headers },
      timeoutMillis: timeout,
      httpAgentOptions: () => agent,
    }),
    observer,
  )
  const processor = boundedProcessor(exporter, maxQueued, observer)
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': serviceName,
        'service.version': version,
        'service.instance.id': randomUUID(),
      }),
    ),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanLimits: { attributeValueLengthLimit: LONGEST_ATTRIBUTE },
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('homeport', version)

  const open = new Set<Span>()
  let onAllEnded: (() => void) | undefined
  const begin = (name: string, { kind, attributes, startedAt }: SpanOptions, parent: Context): Span => {
    const span = tracer.startSpan(
      name,
      {
        kind: kinds[kind],
        attributes: { ...attributes },
        ...(startedAt === undefined ? {} : { startTime: startedAt }),
      },
      parent,
    )
    const begun = spanOf(span, trace.setSpan(parent, span))
    open.add(begun)
    return begun
  }
  const spanOf = (span: ApiSpan, context: Context): Span => {
    const own: Span = {
      recorded: span.isRecording(),
      child: (name, options) => begin(name, options, context),
      rename: (name) => void span.updateName(name),
      set: (attributes) => void span.setAttributes({ ...attributes }),
      fail: (word) =>
        void span.setAttribute('error.type', word).setStatus({ code: SpanStatusCode.ERROR, message: word }),
      end: (at) => {
        if (!open.delete(own)) return
        span.end(at)
        if (open.size === 0) onAllEnded?.()
      },
    }
    return own
  }

  const allEnded = (): Promise<void> =>
    open.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          onAllEnded = resolve
        })

  const close = async (bound: number): Promise<void> => {
    const began = performance.now()
    // Sessions that were just cut off are about to tell how they ended.
    await within(Math.min(LAST_SPANS, bound), allEnded())
    for (const span of open) span.end()
    // What could not be delivered was told already.
    await within(
      bound - (performance.now() - began),
      provider.shutdown().catch(() => undefined),
    )
    cutOff(agent)
  }
  return {
    tracer: { start: (name, options, caller) => begin(name, options, contextOf(caller)) },
    close,
    retire: (bound) => allEnded().then(() => close(bound)),
  }
}

/** Ends requests under way, and those that would be tried again: they would hold up the end of the process. */
function cutOff(agent: HttpAgent): void {
  Object.assign(agent, {
    createConnection: () => {
      throw new Error('the exporter is closed')
    },
  })
  agent.destroy()
}

/** The caller's place in its own trace; what is no valid `traceparent` is none. */
function contextOf(caller: CallersTrace | undefined): Context {
  if (caller?.traceparent === undefined) return ROOT_CONTEXT
  return propagator.extract(ROOT_CONTEXT, caller, {
    get: (carrier, key) => (key === 'traceparent' || key === 'tracestate' ? carrier[key] : undefined),
    keys: () => ['traceparent', 'tracestate'],
  })
}

/** Batches spans; those that wait and those under way are bounded together. */
function boundedProcessor(exporter: SpanExporter, most: number, observer: TraceObserver): SpanProcessor {
  let waiting = 0
  const counted: SpanExporter = {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        waiting -= spans.length
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
  const batches = new BatchSpanProcessor({
    exporter: counted,
    maxQueueSize: most,
    maxExportBatchSize: Math.min(BATCH_SIZE, most),
    scheduledDelayMillis: BATCH_DELAY,
  })
  return {
    onStart: (span, parent) => batches.onStart(span, parent),
    onEnd: (span: ReadableSpan) => {
      if (waiting >= most) return observer.onDropped('queue-full', 1)
      waiting += 1
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
}

/** Tells when delivery begins to fail and when it works again, and counts what was lost. */
function observedExporter(exporter: SpanExporter, observer: TraceObserver): SpanExporter {
  let failing = false
  const taken = ({ code, error }: ExportResult, spans: number): void => {
    const failed = code !== ExportResultCode.SUCCESS
    if (failed) observer.onDropped('not-delivered', spans)
    if (failed !== failing) observer.onState(failed ? failureOf(error) : undefined)
    failing = failed
  }
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        taken(result, spans.length)
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}

/** Only codes and the exporter's own words: what a collector answered may hold anything. */
function failureOf(error: (Error & { readonly code?: unknown }) | undefined): DeliveryFailure {
  const code = error?.code
  if (typeof code === 'number')
    return {
      problem: `status ${code}`,
      hint:
        code === 401 || code === 403 ? 'check traces.headers' : 'check traces.endpoint; its path is often /v1/traces',
    }
  if (typeof code === 'string') return { problem: code, hint: 'look at the collector that traces.endpoint names' }
  if (error?.message === 'Request timed out')
    return { problem: 'no answer in time', hint: 'look at the collector, or raise traces.timeout' }
  return { problem: 'not taken', hint: 'look at the collector: it may be overloaded' }
}
