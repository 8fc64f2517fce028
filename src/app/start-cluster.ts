import { SYSTEM_CLOCK } from '../cluster/cluster-clock.js'
import { type ClusterNode, type ClusterReport, createClusterNode, type ThisNode } from '../cluster/cluster-node.js'
import { type ClusterEngine, EngineFailure, type NodeRecord, type SeenNode } from '../cluster/engine.js'
import { createEngineTime, type EngineTime } from '../cluster/engine-time.js'
import { joinRefusal } from '../cluster/join-verdict.js'
import { type IdentityFiles, loadNodeIdentity, type NodeIdentity } from '../cluster/node-identity.js'
import type { NodeLife, NodeState, PeerMessage } from '../cluster/peer-messages.js'
import type { PeerListener } from '../cluster/peers.js'
import { createPostgresClusterEngine } from '../cluster/postgres-cluster-engine.js'
import { createSshPeers, type SshPeers } from '../cluster/ssh-peers.js'
import type { ClusterConfig } from '../config/schema.js'
import type { Elsewhere } from '../fleet/elsewhere.js'
import { inBackground } from '../lib/background.js'
import { settled } from '../lib/settled.js'
import { hostAndPort } from '../net/source.js'
import type { NodeView } from '../northbound/http/routes/nodes/node-view.js'
import type { StoreFailure } from '../store/store.js'
import type { Log } from '../telemetry/log.js'
import { type ClusterDatabase, openClusterDatabase, startErrorOf } from './cluster-database.js'
import { hostKeyMark } from './host-keys.js'
import { listen, logFailedAccepts } from './listen.js'
import type { Stores } from './open-stores.js'
import { version } from './package-info.js'
import { StartError } from './start-error.js'
import type { Foundation } from './start-telemetry.js'

/** This node among those that are one bridge together. */
export interface Cluster {
  /** The others, as the fleet sees them. */
  readonly elsewhere: Elsewhere
  /** Has the fleet serve the others. Nobody is told of a device, or asks for one, before. */
  readonly serve: (fleet: ThisNode) => void
  /** All nodes that the database knows, this one first. */
  readonly nodes: () => readonly NodeView[]
  /** Resolves when another process has begun to be this node, so that this one has to end. */
  readonly replaced: Promise<StoreFailure>
}

type ListeningConfig = ClusterConfig & Required<Pick<ClusterConfig, 'listen' | 'certificate' | 'key' | 'ca'>>

/** Milliseconds between two comparisons with the database where nothing is known to have been missed. */
const VERIFY = 60_000
/** Milliseconds by which the clock of this machine may differ from that of the database before it is told. */
const CLOCK_TOLERANCE = 5_000

/**
 * Joins the nodes of the database and listens for them; undefined without `cluster.listen`. Throws `StartError`.
 * Longer than most functions, because it ties parts that need each other.
 */
export async function startCluster(foundation: Foundation, stores: Stores): Promise<Cluster | undefined> {
  const { settings, log, shutdown, metrics, measure } = foundation
  const { config } = settings.current
  const cluster = config.cluster
  if (!isListening(cluster)) return undefined
  const identity = await liveIdentity(foundation, cluster)
  const database = await openClusterDatabase(cluster.database)
  shutdown.close(() => database.engine.close())
  const { node, lease, heartbeat } = cluster
  const engine = createPostgresClusterEngine({ database: database.engine, lease, failureOf: database.failureOf })

  let state: NodeState = 'up'
  let address = placeOf(cluster.advertise ?? cluster.listen)
  const hostKeyFingerprint = hostKeyMark(stores.hostKeys)
  const record = (): NodeRecord => ({ node, address, state, version, configHash: '', hostKeyFingerprint })
  const { life, time } = await join({ cluster, database, engine, record, log })

  const made: { node?: ClusterNode; fleet?: ThisNode } = {}
  const fleet = (): ThisNode => there(made.fleet)
  const peers = createSshPeers({ self: life, identity: identity.current, listener: listenerOf(made), log })
  identity.onRenewed(() => peers.renew())
  shutdown.close(() => peers.close())
  logFailedAccepts(peers.server, log)
  const bound = await listen(peers.server, { key: 'cluster.listen', socketName: 'cluster', ...cluster.listen })
  if (cluster.advertise === undefined) address = bound

  const replaced = settled<StoreFailure>()
  const clusterNode = createClusterNode({
    life,
    engine,
    peers,
    time,
    here: {
      handOver: (...given) => fleet().handOver(...given),
      openSession: (...given) => fleet().openSession(...given),
      letLinksGo: (...given) => fleet().letLinksGo(...given),
    },
    record,
    clock: SYSTEM_CLOCK,
    limits: { heartbeat, lease, verify: VERIFY },
    report: reportTo(log, {
      superseded: () => replaced.settle(superseded(node)),
      claimed: metrics.cluster.claimed,
      missed: () => inBackground('cluster', stores.ownEndpoints.follow()),
    }),
    passOn: (_peer, message) => follow(message, stores),
  })
  made.node = clusterNode
  stores.written.on((row) => peers.tellAll({ type: 'changed', ...row, version: 0 }))
  shutdown.refuse(() => {
    state = 'draining'
  })
  shutdown.close(() => clusterNode.leave())
  log.info({ node, address, incarnation: life.incarnation }, 'node of a cluster')
  measure(() => ({ cluster: readingOf(clusterNode, peers, time) }))
  return {
    elsewhere: clusterNode.elsewhere,
    serve: (served) => {
      made.fleet = served
    },
    nodes: () => viewsOf({ node: clusterNode, peers, record }),
    replaced: replaced.promise,
  }
}

function isListening(cluster: ClusterConfig | undefined): cluster is ListeningConfig {
  return (
    cluster?.listen !== undefined &&
    cluster.certificate !== undefined &&
    cluster.key !== undefined &&
    cluster.ca !== undefined
  )
}

function placeOf({ address, port }: ListeningConfig['listen']): string {
  return hostAndPort(address, port)
}

function there<T>(part: T | undefined): T {
  if (part === undefined) throw new TypeError('a node of the cluster was used before it was made')
  return part
}

function listenerOf(made: { readonly node?: ClusterNode }): PeerListener {
  return {
    connected: (peer) => there(made.node).connected(peer),
    disconnected: (peer) => there(made.node).disconnected(peer),
    told: (peer, message) => there(made.node).told(peer, message),
    hello: () => there(made.node).hello(),
    asked: (...asked) => there(made.node).asked(...asked),
  }
}

interface LiveIdentity {
  readonly current: () => NodeIdentity
  readonly onRenewed: (then: () => void) => void
}

/** By what the node is known, read again with every reload. Throws `StartError`, and refuses a reload likewise. */
async function liveIdentity(
  { settings }: Pick<Foundation, 'settings'>,
  { node, certificate, key, ca }: ListeningConfig,
): Promise<LiveIdentity> {
  const files = { node, certificate, key, ca }
  let current = await readIdentity(files)
  let renewed = (): void => undefined
  settings.beforeChange(
    ({ config }) => config,
    async () => {
      const next = await readIdentity(files)
      return {
        apply: () => {
          current = next
          renewed()
        },
        discard: () => undefined,
      }
    },
  )
  return {
    current: () => current,
    onRenewed: (then) => {
      renewed = then
    },
  }
}

async function readIdentity(files: IdentityFiles): Promise<NodeIdentity> {
  const loaded = await loadNodeIdentity(files)
  if (loaded.ok) return loaded.identity
  const { file, message, hint } = loaded.failure
  const key = (['key', 'ca'] as const).find((name) => files[name] === file) ?? 'certificate'
  throw new StartError(`cluster.${key}: ${message}`, hint)
}

/** Begins a life of this node, unless another one is in the way. Throws `StartError`. */
async function join({
  cluster: { lease },
  database,
  engine,
  record,
  log,
}: {
  readonly cluster: ListeningConfig
  readonly database: ClusterDatabase
  readonly engine: ClusterEngine
  readonly record: () => NodeRecord
  readonly log: Log
}): Promise<{ readonly life: NodeLife; readonly time: EngineTime }> {
  try {
    const refusal = await joinRefusal(database.engine, { record: record(), lease })
    if (refusal !== undefined) throw new StartError(`${refusal.key}: ${refusal.message}`, refusal.hint)
    const life = await engine.join(record())
    const time = createEngineTime(SYSTEM_CLOCK.now)
    const asked = SYSTEM_CLOCK.now()
    const { now } = await engine.beat(life, record())
    time.answered({ asked, answered: SYSTEM_CLOCK.now(), engineNow: now })
    warnOfClock(time, log)
    return { life, time }
  } catch (error) {
    throw startErrorOf(error instanceof EngineFailure ? error : database.failureOf(error), error)
  }
}

function warnOfClock(time: EngineTime, log: Log): void {
  const apart = clockOffset(time)
  if (Math.abs(apart) <= CLOCK_TOLERANCE) return
  const how = `${Math.abs(Math.round(apart / 1000))} s ${apart > 0 ? 'ahead of' : 'behind'}`
  log.warn(
    { seconds: apart / 1000, hint: 'have both follow one time, by NTP say; certificates and tokens end by it, too' },
    `the clock of this machine is ${how} that of the database`,
  )
}

/** Milliseconds by which the clock of this machine is ahead of the database's. */
function clockOffset(time: EngineTime): number {
  return SYSTEM_CLOCK.wall() - time.now()
}

function superseded(node: string): StoreFailure {
  return {
    reason: 'locked',
    message: `another process is node ${JSON.stringify(node)} now`,
    hint: 'give each node a name of its own; where this one hung for long, the other was started in its place',
  }
}

/** What happens in the cluster, in the log and the metrics. */
function reportTo(
  log: Log,
  {
    superseded: tell,
    claimed,
    missed,
  }: Required<Pick<ClusterReport, 'superseded' | 'claimed'>> & { readonly missed: () => void },
): ClusterReport {
  return {
    engineChanged: (failure) => {
      if (failure === undefined) log.info('the database of the cluster answers again')
      else
        log.error(
          { hint: failure.hint },
          `the database of the cluster does not answer: links, sessions and what was decided go on: ${failure.message}`,
        )
    },
    superseded: tell,
    gap: (kind) => {
      log.debug({ kind }, 'what is here is compared with the database')
      missed()
    },
    contested: (deviceId, node) =>
      log.warn(
        {
          deviceId,
          node,
          hint:
            'a device needs one client that calls home: a second one dials another node at the same time; ' +
            'or two devices have one identity',
        },
        'a device has links at two nodes that replace each other',
      ),
    claimed,
  }
}

/** What another node has written is read here at once; what is not heard of an enrolment is found later. */
function follow(message: PeerMessage, { store, tokenChanged, ownEndpoints }: Stores): void {
  if (message.type !== 'changed') return
  const { table, key } = message
  if (table === 'token') tokenChanged.emit(key)
  if (table === 'endpoint') inBackground('cluster', ownEndpoints.follow())
  if (table === 'enrolment' && store.enrolments.reread !== undefined)
    inBackground('cluster', store.enrolments.reread(key))
}

function readingOf(node: ClusterNode, peers: SshPeers, time: EngineTime) {
  const { engineIsUp } = node.status()
  const { peers: all, reached, sessions } = peers.counts()
  return {
    engineIsUp,
    peers: { reached, unreached: all - reached },
    remoteSessions: sessions,
    staleSeconds: node.staleFor() / 1000,
    clockOffsetSeconds: clockOffset(time) / 1000,
  }
}

function viewsOf({
  node,
  peers,
  record,
}: {
  readonly node: ClusterNode
  readonly peers: SshPeers
  readonly record: () => NodeRecord
}): readonly NodeView[] {
  const { life } = node
  const age = node.staleFor()
  const devices = node.devicesByNode()
  const view = (of: NodeLife & Pick<NodeRecord, 'state' | 'address' | 'version'>, seenAgo: number): NodeView => ({
    id: of.node,
    incarnation: of.incarnation,
    state: of.state,
    address: of.address,
    version: of.version,
    seen: new Date(Date.now() - seenAgo),
    devices: devices.get(of.node) ?? 0,
    reached: of.node === life.node || peers.reached(of.node)?.incarnation === of.incarnation,
    self: of.node === life.node,
  })
  return [
    view({ ...life, ...record() }, age),
    ...node.others().map((other: SeenNode) => view(other, other.seenAgo + age)),
  ]
}
