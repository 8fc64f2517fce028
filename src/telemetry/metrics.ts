import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { boundedWords, OTHER_WORD } from '../lib/bounded-labels.js'
import { measureEventLoopDelay } from './event-loop-delay.js'

/** The way that a client came. */
type Via = 'ssh' | 'http'

/** What happens in the fleet. A reason is one of the stable words that the log has as well. */
export interface FleetMetrics {
  readonly linkAttached: () => void
  readonly linkEnded: (reason: string) => void
  readonly callRefused: (reason: string) => void
  readonly identityContested: () => void
  readonly channelLost: (step: 'open' | 'close') => void
  readonly sessionOpened: (via: Via, channel: string) => void
  readonly sessionClosed: (via: Via, seconds: number) => void
  readonly sessionRefused: (reason: string) => void
}

/** What happens to call-home connections. */
export interface CallHomeMetrics {
  readonly connected: () => void
  /** Waited for its handshake to begin. */
  readonly handshakeQueued: (seconds: number) => void
  /** Without the time that a pending device waited for an operator. */
  readonly handshakeEnded: (outcome: 'attached' | 'refused', seconds: number) => void
  /** A device, or a network that one called from, counts no longer as attached before. */
  readonly familiarForgotten: () => void
}

/** What happens to clients, whichever way they come. */
export interface ClientMetrics {
  readonly loggedIn: (method: string) => void
  readonly loginFailed: (method: string, reason: string) => void
  /** A connection was refused or closed before anybody had logged in on it. */
  readonly connectionRefused: (reason: string) => void
  /** A source counts no longer as one from where somebody logged in. */
  readonly familiarForgotten: () => void
  /** A source is kept out for a while, for this offence. */
  readonly sourcePenalised: (offence: string) => void
  /** Refused before the fleet was asked, which tells of its own refusals. */
  readonly sessionRefused: (reason: string) => void
  /** A rule forbade an operation. */
  readonly operationDenied: () => void
  /** Large XML or JSON was not read, or not made. */
  readonly notConverted: (reason: string) => void
  /** @param bound the key of the configuration that bounds what is in a request over HTTP */
  readonly requestBoundReached: (bound: string) => void
}

/** What happens to single operations. */
export interface OperationMetrics {
  readonly rpcEnded: (via: Via, outcome: string, seconds: number) => void
  /** So many RPCs have one line of a sum in the audit instead of a line each. */
  readonly rpcsSummed: (rpcs: number) => void
}

/** What happens to spans of traces, where they are switched on. */
export interface TraceMetrics {
  readonly spansDropped: (reason: string, spans: number) => void
}

/** What happens to the event loop. */
export interface EventLoopMetrics {
  /** It came to nothing else for a while; `work` is what it was for. */
  readonly stalled: (work: string, seconds: number) => void
}

/** Faults of the bridge itself. */
export interface FaultMetrics {
  /** One connection, session or piece of work failed by one. */
  readonly faultFound: (where: string) => void
}

/** What there is at a moment; asked whenever the metrics are read. */
export interface Readings {
  readonly links: number
  readonly sessions: Readonly<Record<Via, number>>
  /** Clients that wait for a session. */
  readonly waitingSessions: number
  /** Event streams of HTTP clients that are open. */
  readonly eventStreams: number
  /** Carried since the start. */
  readonly bytes: { readonly fromClient: number; readonly fromDevice: number }
  /** Connections of clients to the SSH endpoint. */
  readonly clients: number
  /** Call-home connections that are no links yet, by state. */
  readonly handshakes: Readonly<Record<string, number>>
  /** Connections of clients that have not logged in, by state. */
  readonly clientHandshakes: Readonly<Record<string, number>>
  /** Device ids by standing. */
  readonly devices: Readonly<Record<string, number>>
}

export interface Exposition {
  readonly contentType: string
  readonly text: string
}

export interface Metrics {
  readonly fleet: FleetMetrics
  readonly callHome: CallHomeMetrics
  readonly clients: ClientMetrics
  readonly operations: OperationMetrics
  readonly traces: TraceMetrics
  readonly eventLoop: EventLoopMetrics
  readonly faults: FaultMetrics
  /** All metrics in Prometheus' text format. */
  readonly exposition: () => Promise<Exposition>
  readonly stop: () => void
}

export interface MetricsOptions {
  readonly version: string
  readonly readings: () => Promise<Readings>
  /** The reasons that each counter of refusals has a series for, from the start on; any other is counted as `other`. */
  readonly reasons: Readonly<Record<'callHome' | 'linkEnds' | 'sessions' | 'logins', readonly string[]>>
}

const LOGIN_METHODS = new Set([
  'none',
  'publickey',
  'password',
  'keyboard-interactive',
  'hostbased',
  'token',
  'basic',
  'jwt',
])

/**
 * The metrics of a node, in a registry of their own. No label ever names a device, a user or a source: 10,000 devices
 * would be 10,000 time series each. Every metric stands in docs/monitoring.md.
 */
export function createMetrics({ version, readings, reasons }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) => {
    const made = new Counter({ name: `homeport_${name}`, help, labelNames, registers })
    return made
  }
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `homeport_${name}`, help, labelNames, registers })
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], ...labelNames: Label[]) =>
    new Histogram({ name: `homeport_${name}`, help, buckets, labelNames, registers })

  gauge('build_info', 'What runs here; always 1.', 'version', 'node').set({ version, node: process.version }, 1)

  const links = gauge('links', 'Devices that are connected.')
  const linksAttached = counter('links_attached_total', 'Links that were attached.')
  const linksEnded = counter('links_ended_total', 'Links that ended, by reason.', 'reason')
  const contested = counter(
    'identities_contested_total',
    'Proven links that were turned away because another one of the same identity is alive.',
  )
  const channelsLost = counter(
    'channels_unanswered_total',
    'Channels that a device has not opened, or not closed, in time.',
    'step',
  )
  for (const step of ['open', 'close']) channelsLost.inc({ step }, 0)
  const devices = gauge('devices', 'Device ids that are known, by standing.', 'standing')

  const connections = counter('call_home_connections_total', 'TCP connections to the call-home port.')
  const handshakes = gauge('handshakes', 'Call-home connections that are no links yet, by state.', 'state')
  const clientHandshakes = gauge(
    'client_handshakes',
    'Connections of clients that have not logged in, by state.',
    'state',
  )
  const handshakeWait = histogram(
    'handshake_wait_seconds',
    'Time that a call-home connection waited for its handshake to begin.',
    [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120],
  )
  const handshakeDuration = histogram(
    'handshake_duration_seconds',
    'Time from the start of a handshake to the link or the refusal, without waiting for a place or for an operator.',
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    'outcome',
  )
  const callRefusals = counter('call_home_refusals_total', 'Call-home connections that were refused.', 'reason')

  const sessions = gauge('sessions', 'Sessions that clients have on devices.', 'via')
  const sessionsOpened = counter('sessions_opened_total', 'Sessions that were opened.', 'via', 'channel')
  const sessionsRefused = counter('sessions_refused_total', 'Sessions that were refused.', 'reason')
  const sessionDuration = histogram(
    'session_duration_seconds',
    'Time from the opening of a session to its end.',
    [0.1, 0.5, 1, 5, 10, 60, 300, 1800, 3600, 21_600, 86_400],
    'via',
  )
  const sessionQueue = gauge('session_queue', 'Clients that wait for a session.')
  const eventStreams = gauge('event_streams', 'Event streams that HTTP clients have open.')
  const relayed = counter('relayed_bytes_total', 'Octets carried between clients and devices.', 'direction')

  const rpcDuration = histogram(
    'rpc_duration_seconds',
    'Time from a request to the end of its reply.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    'via',
  )
  const rpcs = counter('rpcs_total', 'Requests that were answered, or never were.', 'via', 'outcome')
  const summed = counter(
    'audit_lines_summed_total',
    'Reads that are counted in a line of a sum instead of one of their own.',
  )
  const denied = counter('operations_denied_total', 'Operations that a rule forbade.')
  const notConverted = counter(
    'http_conversions_refused_total',
    'Large requests that were not read, and replies that did not become JSON, by reason.',
    'reason',
  )
  for (const reason of ['busy', 'too-much', 'stopping']) notConverted.inc({ reason }, 0)
  const bounds = counter(
    'http_bounds_reached_total',
    'Requests over HTTP that were refused because of a bound on what is in them, by its key.',
    'reason',
  )
  for (const bound of ['max-request-elements', 'max-selector-patterns']) bounds.inc({ reason: bound }, 0)

  const spansDropped = counter('trace_spans_dropped_total', 'Spans of traces that were lost, by reason.', 'reason')

  const faults = counter('faults_total', 'Faults of the bridge itself, by where they came up.', 'where')

  const clients = gauge('clients', 'Connections of clients to the SSH endpoint.')
  const logins = counter('logins_total', 'Attempts to log in.', 'method', 'outcome')
  const loginRefusals = counter(
    'login_refusals_total',
    'Why attempts to log in, or connections for it, failed.',
    'reason',
  )

  const forgotten = counter(
    'familiar_forgotten_total',
    'Devices and sources that were forgotten as known ones, because there are more than are remembered.',
    'where',
  )
  for (const where of ['call-home', 'clients']) forgotten.inc({ where }, 0)
  const penalised = counter(
    'sources_penalised_total',
    'Sources that were kept out for a while, by what they did last.',
    'reason',
  )

  const eventLoop = measureEventLoopDelay()
  const eventLoopDelay = gauge(
    'event_loop_delay_seconds',
    'How late the event loop came to what was due, since this was read last.',
    'quantile',
  )
  const stalls = histogram(
    'event_loop_stall_seconds',
    'Times in which the event loop came to nothing else, from a tenth of a second on, by what it worked on.',
    [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    'work',
  )
  collectDefaultMetrics({ register: registry })
  // They go through every socket of the process, and homeport_links and process_open_fds say the same.
  for (const name of ['nodejs_active_handles', 'nodejs_active_requests', 'nodejs_active_resources'])
    for (const each of [name, `${name}_total`]) registry.removeSingleMetric(each)

  const setAll = (metric: Gauge, label: string, values: Readonly<Record<string, number>>): void => {
    for (const [value, count] of Object.entries(values)) metric.set({ [label]: value }, count)
  }
  const carried = { fromClient: 0, fromDevice: 0 }
  // Counted here until somebody reads: a counter with labels takes as long as all else that an RPC is recorded by.
  const ended = new Map<Via, Map<string, number>>([
    ['ssh', new Map()],
    ['http', new Map()],
  ])
  const read = async (): Promise<void> => {
    const now = await readings()
    links.set(now.links)
    clients.set(now.clients)
    sessionQueue.set(now.waitingSessions)
    eventStreams.set(now.eventStreams)
    setAll(sessions, 'via', now.sessions)
    setAll(handshakes, 'state', now.handshakes)
    setAll(clientHandshakes, 'state', now.clientHandshakes)
    setAll(devices, 'standing', now.devices)
    relayed.inc({ direction: 'from-client' }, now.bytes.fromClient - carried.fromClient)
    relayed.inc({ direction: 'from-device' }, now.bytes.fromDevice - carried.fromDevice)
    Object.assign(carried, now.bytes)
    for (const [via, outcomes] of ended) {
      for (const [outcome, count] of outcomes) rpcs.inc({ via, outcome }, count)
      outcomes.clear()
    }
    const { median, p99, longest } = eventLoop.read()
    setAll(eventLoopDelay, 'quantile', { '0.5': median, '0.99': p99, '1': longest })
  }

  const linkEnded = countByReason(linksEnded, reasons.linkEnds)
  const callRefused = countByReason(callRefusals, reasons.callHome)
  const sessionRefused = countByReason(sessionsRefused, reasons.sessions)
  const loginRefused = countByReason(loginRefusals, reasons.logins)
  const [channelWord, outcomeWord, workWord] = [boundedWords(), boundedWords(), boundedWords()] as const
  const methodWord = (method: string): string => (LOGIN_METHODS.has(method) ? method : 'other')

  return {
    fleet: {
      linkAttached: () => linksAttached.inc(),
      linkEnded,
      callRefused,
      identityContested: () => contested.inc(),
      channelLost: (step) => channelsLost.inc({ step }),
      sessionOpened: (via, channel) => sessionsOpened.inc({ via, channel: channelWord(channel) }),
      sessionClosed: (via, seconds) => sessionDuration.observe({ via }, seconds),
      sessionRefused,
    },
    callHome: {
      connected: () => connections.inc(),
      handshakeQueued: (seconds) => handshakeWait.observe(seconds),
      familiarForgotten: () => forgotten.inc({ where: 'call-home' }),
      handshakeEnded: (outcome, seconds) => handshakeDuration.observe({ outcome }, seconds),
    },
    clients: {
      loggedIn: (method) => logins.inc({ method: methodWord(method), outcome: 'accepted' }),
      loginFailed: (method, reason) => {
        logins.inc({ method: methodWord(method), outcome: 'refused' })
        loginRefused(reason)
      },
      sourcePenalised: (offence) => penalised.inc({ reason: offence }),
      familiarForgotten: () => forgotten.inc({ where: 'clients' }),
      connectionRefused: loginRefused,
      sessionRefused,
      operationDenied: () => denied.inc(),
      notConverted: (reason) => notConverted.inc({ reason }),
      requestBoundReached: (bound) => bounds.inc({ reason: bound }),
    },
    operations: {
      rpcEnded: (via, outcome, seconds) => {
        const outcomes = ended.get(via)
        const word = outcomeWord(outcome)
        outcomes?.set(word, (outcomes.get(word) ?? 0) + 1)
        rpcDuration.observe({ via }, seconds)
      },
      rpcsSummed: (count) => summed.inc(count),
    },
    traces: {
      spansDropped: (reason, spans) => spansDropped.inc({ reason }, spans),
    },
    eventLoop: {
      stalled: (work, seconds) => stalls.observe({ work: workWord(work) }, seconds),
    },
    faults: { faultFound: (where) => faults.inc({ where }) },
    exposition: async () => {
      await read()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
    stop: () => {
      eventLoop.stop()
      registry.clear()
    },
  }
}

/** Counts by reasons that are known beforehand: each has a zero, so that its first one is an increase. */
function countByReason(counter: Counter<'reason'>, known: readonly string[]): (reason: string) => void {
  for (const reason of known) counter.inc({ reason }, 0)
  const knows = new Set(known)
  return (reason) => counter.inc({ reason: knows.has(reason) ? reason : OTHER_WORD })
}
