/**
 * What is told of a span, under the names of OpenTelemetry's semantic conventions and of our own (`homeport.…`); what
 * is undefined is left out.
 */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>

/** `server` for what a client asked of the bridge, `client` for what the bridge asked of a device. */
export type SpanKind = 'server' | 'client' | 'internal'

export interface SpanOptions {
  readonly kind: SpanKind
  readonly attributes: SpanAttributes
  /** Milliseconds since 1970; now, when not given. */
  readonly startedAt?: number
}

/**
 * One piece of work within a trace. It never holds what an operation carried, a password, a token or the value of a
 * header.
 */
export interface Span {
  /** Whether anybody will see it; one that was not sampled has children that nobody will see either. */
  readonly recorded: boolean
  /** Begins a piece of work that belongs to this one. */
  readonly child: (name: string, options: SpanOptions) => Span
  readonly rename: (name: string) => void
  readonly set: (attributes: SpanAttributes) => void
  /** It went wrong; the word says how, as a reason or an error-tag does. */
  readonly fail: (word: string) => void
  /** Milliseconds since 1970; now, when not given. */
  readonly end: (at?: number) => void
}

/** The trace of somebody who calls, as W3C Trace Context hands it on. */
export interface CallersTrace {
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
}

/** Begins traces, or goes on with those of callers. Where there is none, traces are switched off. */
export interface Tracer {
  readonly start: (name: string, options: SpanOptions, caller?: CallersTrace) => Span
}

/** The tracer of this moment: a reload may switch traces on and off. */
export type CurrentTracer = () => Tracer | undefined

/** Where spans go; times in milliseconds. */
export interface TraceSettings {
  /** URL that takes spans as OTLP by HTTP. */
  readonly endpoint: string
  /** Sent along, and secret. */
  readonly headers: Readonly<Record<string, string>>
  /** Share of traces that are recorded, 0 to 1; where a caller has decided on its own trace, that counts. */
  readonly sampleRatio: number
  readonly serviceName: string
  /** For the collector to take a batch. */
  readonly timeout: number
  /** Spans that wait; more are dropped. */
  readonly maxQueued: number
}

/** Why nothing could be delivered: a stable word or a code, never what the collector said. */
export interface DeliveryFailure {
  readonly problem: string
  readonly hint: string
}

export interface TraceObserver {
  /** Told when delivery begins to fail, and with undefined when it works again. */
  readonly onState: (problem: DeliveryFailure | undefined) => void
  readonly onDropped: (reason: 'queue-full' | 'not-delivered', spans: number) => void
}

/** A tracer whose spans are delivered. */
export interface Traces {
  readonly tracer: Tracer
  /**
   * Ends what is open, delivers what waits and stops; what begins afterwards is lost. Settles within so many
   * milliseconds, whatever the collector does.
   */
  readonly close: (bound: number) => Promise<void>
  /** Closes once every span that has begun has ended, for a tracer that another one follows. */
  readonly retire: (bound: number) => Promise<void>
}
