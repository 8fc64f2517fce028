/** The way that a client came. */
export type Via = 'ssh' | 'http'

/** What happens in the fleet. A reason is one of the stable words that the log has as well. */
export interface FleetMetrics {
  /** @param weak the weak algorithms that the link uses */
  readonly linkAttached: (weak: readonly string[]) => void
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
  /** Somebody logged in over a connection that uses these weak algorithms. */
  readonly weakAlgorithms: (names: readonly string[]) => void
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

/** What happens to the file of the audit log. */
export interface AuditMetrics {
  /** So many lines were never written: there was no room for them while the file could not be written. */
  readonly linesLost: (lines: number) => void
}

/** What happens to events that are sent to webhooks. */
export interface WebhookMetrics {
  /** `given-up`: the event was too old, or too many waited. */
  readonly eventEnded: (outcome: 'delivered' | 'given-up') => void
}

/** What becomes of claims on devices among the nodes of a cluster. */
export interface ClusterMetrics {
  readonly claimed: (outcome: 'given' | 'newer-elsewhere' | 'failed', claims: number) => void
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

/** So many connections whose keys were exchanged in one of two ways. */
export type KeyExchangeCounts = Readonly<Record<'post-quantum' | 'classical', number>>

/** What there is at a moment; asked whenever the metrics are read. */
export interface Readings {
  /** Whether `/readyz` says so. */
  readonly ready: boolean
  /** Whether lines of the audit log cannot be written. */
  readonly auditFails: boolean
  readonly storeFails: boolean
  /** Events that wait for the receivers of webhooks. */
  readonly waitingWebhookEvents: number
  readonly attachedDevices: number
  readonly links: number
  /** Links, and connections of clients that have logged in, by kind of key exchange. */
  readonly linkKeyExchanges: KeyExchangeCounts
  readonly clientKeyExchanges: KeyExchangeCounts
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
  /** Seconds until the first certificate of each use expires. */
  readonly certificateSeconds: Readonly<Record<string, number>>
  /** Seconds until the first certificate ends that vouched for a device's link; undefined where none ever does. */
  readonly deviceCertificateSeconds: number | undefined
  /** This node among others; undefined for a bridge alone. */
  readonly cluster: ClusterReadings | undefined
}

/** How a node is among the others of its cluster. */
export interface ClusterReadings {
  /** Whether the database that all nodes share answers. */
  readonly engineIsUp: boolean
  /** The other nodes, by whether this one reaches them. */
  readonly peers: Readonly<Record<'reached' | 'unreached', number>>
  /** Sessions of clients here on devices that other nodes have. */
  readonly remoteSessions: number
  /** Seconds since the database answered last. */
  readonly staleSeconds: number
  /** Seconds by which the clock of this machine is ahead of the database's. */
  readonly clockOffsetSeconds: number
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
  readonly audit: AuditMetrics
  readonly webhooks: WebhookMetrics
  readonly cluster: ClusterMetrics
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
  /** The reasons that each counter of refusals knows by name; any other is counted as `other`. */
  readonly reasons: Readonly<Record<'callHome' | 'linkEnds' | 'sessions' | 'logins', readonly string[]>>
}
