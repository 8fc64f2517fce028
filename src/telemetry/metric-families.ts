import { boundedWords } from '../lib/bounded-labels.js'
import { measureEventLoopDelay } from './event-loop-delay.js'
import type { Instruments } from './instruments.js'
import type {
  CallHomeMetrics,
  ClientMetrics,
  EventLoopMetrics,
  FleetMetrics,
  OperationMetrics,
  Readings,
  Via,
} from './metrics.js'

/** What there is at a moment, as gauges; the answer sets them. */
export function createReadingGauges({ gauge, counter, setAll }: Instruments): (now: Readings) => void {
  const ready = gauge('ready', 'Whether the bridge is ready, as /readyz says: 1 or 0.')
  const auditFails = gauge('audit_failing', 'Whether lines of the audit log cannot be written: 1 or 0.')
  const storeFails = gauge('store_failing', 'Whether the store in data-dir cannot be written: 1 or 0.')
  const webhookQueue = gauge('webhook_queue', 'Events that wait for the receivers of webhooks.')
  const attachedDevices = gauge('attached_devices', 'Devices that are connected.')
  const links = gauge('links', 'Links: connections of devices, of which some devices may have several.')
  const linkExchanges = gauge('link_key_exchanges', 'Links over SSH, by kind of key exchange.', 'kind')
  const devices = gauge('devices', 'Device ids that are known, by standing.', 'standing')
  const handshakes = gauge('handshakes', 'Call-home connections that are no links yet, by state.', 'state')
  const clients = gauge('clients', 'Connections of clients to the SSH endpoint.')
  const clientExchanges = gauge(
    'client_key_exchanges',
    'Connections of clients that have logged in over SSH, by kind of key exchange.',
    'kind',
  )
  const clientHandshakes = gauge(
    'client_handshakes',
    'Connections of clients that have not logged in, by state.',
    'state',
  )
  const sessions = gauge('sessions', 'Sessions that clients have on devices.', 'via')
  const sessionQueue = gauge('session_queue', 'Clients that wait for a session.')
  const eventStreams = gauge('event_streams', 'Event streams that HTTP clients have open.')
  const certificates = gauge(
    'certificate_expiry_seconds',
    'Seconds from now until the first certificate of a use expires, negative once it has; it is no Unix time.',
    'what',
  )
  const deviceCertificates = gauge(
    'device_certificate_expiry_seconds',
    'Seconds from now until the first host certificate expires that a device with a link was proven by, negative ' +
      'once it has; it is no Unix time.',
  )
  const relayed = counter('relayed_bytes_total', 'Octets carried between clients and devices.', 'direction')
  const setCluster = clusterGauges({ gauge, setAll })
  const carried = { fromClient: 0, fromDevice: 0 }
  return (now) => {
    ready.set(Number(now.ready))
    auditFails.set(Number(now.auditFails))
    storeFails.set(Number(now.storeFails))
    webhookQueue.set(now.waitingWebhookEvents)
    attachedDevices.set(now.attachedDevices)
    links.set(now.links)
    clients.set(now.clients)
    sessionQueue.set(now.waitingSessions)
    eventStreams.set(now.eventStreams)
    setAll(linkExchanges, 'kind', now.linkKeyExchanges)
    setAll(clientExchanges, 'kind', now.clientKeyExchanges)
    setAll(sessions, 'via', now.sessions)
    setAll(handshakes, 'state', now.handshakes)
    setAll(clientHandshakes, 'state', now.clientHandshakes)
    setAll(devices, 'standing', now.devices)
    // One that is in no file any more has no series.
    certificates.reset()
    setAll(certificates, 'what', now.certificateSeconds)
    if (now.deviceCertificateSeconds === undefined) deviceCertificates.remove()
    else deviceCertificates.set(now.deviceCertificateSeconds)
    setCluster(now.cluster)
    relayed.inc({ direction: 'from-client' }, now.bytes.fromClient - carried.fromClient)
    relayed.inc({ direction: 'from-device' }, now.bytes.fromDevice - carried.fromDevice)
    Object.assign(carried, now.bytes)
  }
}

/** A node among others; a bridge alone has no series of these. */
function clusterGauges({ gauge, setAll }: Pick<Instruments, 'gauge' | 'setAll'>): (now: Readings['cluster']) => void {
  const engineUp = gauge('cluster_engine_up', 'Whether the database of the cluster answers: 1 or 0.')
  const peers = gauge('cluster_peers', 'Other nodes of the cluster, by whether this one reaches them.', 'state')
  const remote = gauge('cluster_remote_sessions', 'Sessions of clients here on devices that other nodes have.')
  const stale = gauge('cluster_stale_seconds', 'Seconds since the database of the cluster answered last.')
  const offset = gauge(
    'cluster_clock_offset_seconds',
    'Seconds by which the clock of this machine is ahead of that of the database.',
  )
  return (now) => {
    if (now === undefined) {
      for (const single of [engineUp, remote, stale, offset]) single.remove()
      return
    }
    engineUp.set(Number(now.engineIsUp))
    setAll(peers, 'state', now.peers)
    remote.set(now.remoteSessions)
    stale.set(now.staleSeconds)
    offset.set(now.clockOffsetSeconds)
  }
}

/** Who negotiated a weak algorithm with the bridge. */
export type WeakSide = 'device' | 'client'
type CountWeak = (side: WeakSide, algorithm: string) => void

/** The names are those of the catalogue, so there are few. */
export function weakAlgorithmCounter({ counter }: Instruments): CountWeak {
  const weak = counter(
    'weak_algorithms_total',
    'Links, and connections of clients that logged in, that use a weak algorithm: who is at the other end, and which.',
    'side',
    'algorithm',
  )
  return (side, algorithm) => weak.inc({ side, algorithm })
}

/** @param reasons of the catalogue; why links end has a series for each from the start on */
export function fleetMetrics(
  { counter, counterOf, countByReason, histogram }: Instruments,
  reasons: { readonly callHome: readonly string[]; readonly linkEnds: readonly string[] },
  { sessionRefused, weakAlgorithm }: Pick<FleetMetrics, 'sessionRefused'> & { readonly weakAlgorithm: CountWeak },
): FleetMetrics {
  const linksAttached = counter('links_attached_total', 'Links that were attached.')
  const linkEnded = countByReason('links_ended_total', 'Links that ended, by reason.', {
    known: reasons.linkEnds,
    zeroed: reasons.linkEnds,
  })
  const callRefused = countByReason('call_home_refusals_total', 'Call-home connections that were refused.', {
    known: reasons.callHome,
  })
  const contested = counter(
    'identities_contested_total',
    'Proven links that were turned away because another one of the same identity is alive.',
  )
  const channelsLost = counterOf(
    'channels_unanswered_total',
    'Channels that a device has not opened, or not closed, in time.',
    { label: 'step', values: ['open', 'close'] },
  )
  const sessionsOpened = counter('sessions_opened_total', 'Sessions that were opened.', 'via', 'channel')
  const sessionDuration = histogram('session_duration_seconds', 'Time from the opening of a session to its end.', {
    buckets: [0.1, 0.5, 1, 5, 10, 60, 300, 1800, 3600, 21_600, 86_400],
    labelNames: ['via'],
  })
  const channelWord = boundedWords()
  return {
    linkAttached: (weak) => {
      linksAttached.inc()
      for (const algorithm of weak) weakAlgorithm('device', algorithm)
    },
    linkEnded,
    callRefused,
    identityContested: () => contested.inc(),
    channelLost: (step) => channelsLost.inc({ step }),
    sessionOpened: (via, channel) => sessionsOpened.inc({ via, channel: channelWord(channel) }),
    sessionClosed: (via, seconds) => sessionDuration.observe({ via }, seconds),
    sessionRefused,
  }
}

export function callHomeMetrics(
  { counter, histogram }: Instruments,
  familiarForgotten: CallHomeMetrics['familiarForgotten'],
): CallHomeMetrics {
  const connections = counter('call_home_connections_total', 'TCP connections to the call-home port.')
  const handshakeWait = histogram(
    'handshake_wait_seconds',
    'Time that a call-home connection waited for its handshake to begin.',
    { buckets: [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120] },
  )
  const handshakeDuration = histogram(
    'handshake_duration_seconds',
    'Time from the start of a handshake to the link or the refusal, without waiting for a place or for an operator.',
    { buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], labelNames: ['outcome'] },
  )
  return {
    connected: () => connections.inc(),
    handshakeQueued: (seconds) => handshakeWait.observe(seconds),
    familiarForgotten,
    handshakeEnded: (outcome, seconds) => handshakeDuration.observe({ outcome }, seconds),
  }
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

/** @param loginReasons that the counter of refused logins knows by name */
export function clientMetrics(
  { counter, counterOf, countByReason }: Instruments,
  loginReasons: readonly string[],
  shared: Pick<ClientMetrics, 'sessionRefused' | 'familiarForgotten' | 'weakAlgorithms'>,
): ClientMetrics {
  const logins = counter('logins_total', 'Attempts to log in.', 'method', 'outcome')
  const loginRefused = countByReason('login_refusals_total', 'Why attempts to log in, or connections for it, failed.', {
    known: loginReasons,
  })
  const penalised = counter(
    'sources_penalised_total',
    'Sources that were kept out for a while, by what they did last.',
    'reason',
  )
  const denied = counter('operations_denied_total', 'Operations that a rule forbade.')
  const notConverted = counterOf(
    'http_conversions_refused_total',
    'Large requests that were not read, and replies that did not become JSON, by reason.',
    { label: 'reason', values: ['busy', 'too-much', 'stopping'] },
  )
  const bounds = counterOf(
    'http_bounds_reached_total',
    'Requests over HTTP that were refused because of a bound on what is in them, by its key.',
    { label: 'reason', values: ['max-request-elements', 'max-selector-patterns'] },
  )
  const methodWord = (method: string): string => (LOGIN_METHODS.has(method) ? method : 'other')
  return {
    ...shared,
    loggedIn: (method) => logins.inc({ method: methodWord(method), outcome: 'accepted' }),
    loginFailed: (method, reason) => {
      logins.inc({ method: methodWord(method), outcome: 'refused' })
      loginRefused(reason)
    },
    connectionRefused: loginRefused,
    sourcePenalised: (offence) => penalised.inc({ reason: offence }),
    operationDenied: () => denied.inc(),
    notConverted: (reason) => notConverted.inc({ reason }),
    requestBoundReached: (bound) => bounds.inc({ reason: bound }),
  }
}

export function operationMetrics({ counter, histogram, onRead }: Instruments): OperationMetrics {
  const rpcDuration = histogram('rpc_duration_seconds', 'Time from a request to the end of its reply.', {
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    labelNames: ['via'],
  })
  const rpcs = counter('rpcs_total', 'Requests that were answered, or never were.', 'via', 'outcome')
  const summed = counter(
    'audit_lines_summed_total',
    'Reads that are counted in a line of a sum instead of one of their own.',
  )
  const outcomeWord = boundedWords()
  // Counted here until somebody reads: a counter with labels takes as long as all else that is done for the audit of an
  // RPC.
  const ended = new Map<Via, Map<string, number>>([
    ['ssh', new Map()],
    ['http', new Map()],
  ])
  onRead(() => {
    for (const [via, outcomes] of ended) {
      for (const [outcome, count] of outcomes) rpcs.inc({ via, outcome }, count)
      outcomes.clear()
    }
  })
  return {
    rpcEnded: (via, outcome, seconds) => {
      const outcomes = ended.get(via)
      const word = outcomeWord(outcome)
      outcomes?.set(word, (outcomes.get(word) ?? 0) + 1)
      rpcDuration.observe({ via }, seconds)
    },
    rpcsSummed: (count) => summed.inc(count),
  }
}

/** Measures the event loop from now until `stop`. */
export function eventLoopMetrics({ gauge, histogram, setAll, onRead }: Instruments): EventLoopMetrics & {
  readonly stop: () => void
} {
  const measured = measureEventLoopDelay()
  const delay = gauge(
    'event_loop_delay_seconds',
    'How late the event loop came to what was due, since this was read last.',
    'quantile',
  )
  const stalls = histogram(
    'event_loop_stall_seconds',
    'Times in which the event loop came to nothing else, from a tenth of a second on, by what it worked on.',
    { buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30], labelNames: ['work'] },
  )
  const workWord = boundedWords()
  onRead(() => {
    const { median, p99, longest } = measured.read()
    setAll(delay, 'quantile', { '0.5': median, '0.99': p99, '1': longest })
  })
  return {
    stalled: (work, seconds) => stalls.observe({ work: workWord(work) }, seconds),
    stop: () => measured.stop(),
  }
}
