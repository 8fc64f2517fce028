import type { NodeLife, NodeState } from './peer-messages.js'

/**
 * The database that the nodes of a cluster share, as far as links are concerned. It orders claims and remembers who has
 * which device; it permits nothing: where it is away, links and sessions go on.
 *
 * Every call rejects with an `EngineFailure` where it fails, and settles within a few seconds whatever happens. After a
 * failure nobody knows whether a write was done.
 */
export interface ClusterEngine {
  /** Begins a life of this node, with a greater incarnation than all before, and releases what older ones had. */
  readonly join: (node: NodeRecord) => Promise<NodeLife>
  /** Says that this node is there, and asks who else is. */
  readonly beat: (life: NodeLife, node: NodeRecord) => Promise<Beat>
  /**
   * Claims devices, in one statement. Those are given that nobody has by a newer proof, or that a node has which has
   * not been seen for the lease; what is not given, a newer link has elsewhere.
   */
  readonly claim: (life: NodeLife, wants: readonly ClaimWant[]) => Promise<readonly GivenClaim[]>
  /** Frees devices of this node that it has by just these epochs; the others stay as they are. */
  readonly release: (life: NodeLife, releases: readonly ClaimRelease[]) => Promise<void>
  /** Who has these devices, as far as they were ever claimed. */
  readonly find: (deviceIds: readonly string[]) => Promise<readonly LinkRow[]>
  /** All devices that this node has in whatever life. */
  readonly naming: (node: string) => Promise<readonly LinkRow[]>
  /** Ends the life of a node that has handed on all it had. */
  readonly leave: (life: NodeLife) => Promise<void>
}

/** What a node says of itself in the table of nodes. */
export interface NodeRecord {
  readonly node: string
  /** Where it listens for peers: `address:port`. */
  readonly address: string
  readonly state: NodeState
  readonly version: string
  /** Of the settings that all nodes have to share. */
  readonly configHash: string
  readonly hostKeyFingerprint: string
}

export interface Beat {
  /** The engine's clock when it answered, in milliseconds since 1970. */
  readonly now: number
  /** All nodes, this one too. Nobody says of one that it is dead: see when it was seen. */
  readonly nodes: readonly SeenNode[]
  /**
   * Which life of the engine answered, where it tells: another one may be a standby that lagged, or have lost what was
   * written last.
   */
  readonly engine?: string
  /** Another process has begun a later life of this node: this one has to stop. */
  readonly superseded: boolean
}

export interface SeenNode extends NodeRecord, NodeLife {
  /** Milliseconds before `now`. */
  readonly seenAgo: number
}

export interface ClaimWant {
  readonly deviceId: string
  readonly provenAt: number
  /** `address:port` that the device dialled from. */
  readonly source: string
  /** The greatest epoch that this node knows of the device: it is given a greater one. */
  readonly known: number
}

export interface GivenClaim {
  readonly deviceId: string
  readonly epoch: number
  /** Who had it, but for one that claimed it in the same instant: it says whom to tell, and decides nothing. */
  readonly before?: NodeLife
}

export interface ClaimRelease {
  readonly deviceId: string
  readonly epoch: number
  readonly ended: EndedLink
}

export interface EndedLink {
  /** Milliseconds since 1970 by the clock of the engine. */
  readonly at: number
  readonly reason: string
  readonly message: string
}

/** A device that was claimed once. */
export interface LinkRow {
  readonly deviceId: string
  /** Absent where nobody has it. */
  readonly holder?: NodeLife
  readonly epoch: number
  readonly provenAt: number
  /** How its last link ended; absent while somebody has it. */
  readonly ended?: EndedLink
}

/** Why the engine could not do it. Holds no secret. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure'

  constructor(
    message: string,
    /** What to do about it. */
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
