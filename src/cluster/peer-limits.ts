/** Bounds on connections between nodes; times in milliseconds. */
export interface PeerLimits {
  /** From the connection to a login, and from a dial to being let in. */
  readonly loginTimeout: number
  /** Until a dialled address answers. */
  readonly connectTimeout: number
  /** Between two probes, and how many may stay unanswered: then the peer is not reached. */
  readonly probeInterval: number
  readonly probeCountMax: number
  /** Pauses before the next dial: the first is a random part of the smaller one, and they grow up to the larger. */
  readonly redialFrom: number
  readonly redialTo: number
  /** How long a session waits for a peer that is not reached. */
  readonly reachWait: number
  /** Connections that were accepted, logged in or not. */
  readonly maxConnections: number
  /** Of those, of one node. */
  readonly maxConnectionsPerNode: number
  /** Connections that have not logged in: before key exchange, and as many within it. */
  readonly maxUnauthenticated: number
  /** Handshakes that are worked on at a time. */
  readonly maxConcurrentHandshakes: number
  /** Sessions on one connection. */
  readonly maxSessionsPerConnection: number
}

export const PEER_LIMITS: PeerLimits = {
  loginTimeout: 5_000,
  connectTimeout: 1_000,
  // Of a peer that says nothing from one moment on, this is known 3 to 4 seconds later.
  probeInterval: 1_000,
  probeCountMax: 2,
  redialFrom: 100,
  redialTo: 500,
  reachWait: 2_000,
  maxConnections: 512,
  maxConnectionsPerNode: 4,
  maxUnauthenticated: 64,
  maxConcurrentHandshakes: 4,
  maxSessionsPerConnection: 20_000,
}
