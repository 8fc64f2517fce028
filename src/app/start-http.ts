import type { TokenService } from '../access/authn/token-service.js'
import { createFleetEventLog, type FleetEventLog } from '../fleet/event-log.js'
import type { Fleet } from '../fleet/fleet.js'
import { directoryOf } from '../northbound/device-directory.js'
import { type AppOptions, createApp } from '../northbound/http/app.js'
import type { JobServices } from '../northbound/http/jobs/run-job.js'
import { identifyByCredentials } from '../northbound/http/middleware/authentication.js'
import { operatorCaller } from '../northbound/http/middleware/caller.js'
import type { BoundAddresses } from '../northbound/http/routes/bridge.js'
import { type ConversionService, createConversionService } from '../northbound/http/rpc/conversion-service.js'
import { createIdempotencyCache } from '../northbound/http/rpc/idempotency.js'
import { serveOnSocket } from '../northbound/http/server/unix-socket.js'
import { createStreamPlaces } from '../northbound/http/streams/stream-gate.js'
import type { JobQueue } from '../rpc/jobs/job-queue.js'
import { createRpcService, type RpcService } from '../rpc/rpc-service.js'
import type { Job } from '../store/job.js'
import { aboutTheBridge } from './about-the-bridge.js'
import { operatorSockets } from './bridge-socket.js'
import { healthOf } from './health.js'
import { httpAuthenticatorsFrom, tokenServiceOn } from './http-access.js'
import { createHttpEndpoint, type HttpEndpoint } from './http-endpoint.js'
import { jobQueueOn } from './jobs.js'
import { listen, logFailedAccepts } from './listen.js'
import type { Stores } from './open-stores.js'
import type { Cluster } from './start-cluster.js'
import { StartError } from './start-error.js'
import type { Northbound } from './start-northbound.js'
import type { Southbound } from './start-southbound.js'
import type { Foundation } from './start-telemetry.js'
import { startWebhooks } from './webhooks.js'
import { isPerUser } from './settings.js'

/** The HTTP API, for the commands on this host and over TCP. */
export interface Http {
  /**
   * Takes calls over TCP from now on, unless that is switched off. Throws `StartError`. @returns the URL to call it by
   */
  readonly listen: () => Promise<string | undefined>
  /** Says from now on that the start is over, and where the bridge listens. */
  readonly noteStarted: (addresses: BoundAddresses) => void
}

/** The stages before this one. */
export interface EarlierStages {
  readonly stores: Stores
  readonly southbound: Southbound
  readonly northbound: Northbound
  /** Undefined for a bridge alone. */
  readonly cluster: Cluster | undefined
}

/** Fleet events that are kept for clients of `/api/v1/events` that come again. */
const KEPT_EVENTS = 1000

/** What the app serves, whoever calls it. */
type Served = Omit<AppOptions, 'identify' | 'network'>

/**
 * Fourth stage of the start: the HTTP API with all that it serves. The operator's socket answers at once, the port does
 * not listen yet. Throws `StartError`.
 */
export async function startHttp(foundation: Foundation, stages: EarlierStages): Promise<Http> {
  const { settings, log, shutdown, metrics, measure, readConfig } = foundation
  const { stores, southbound, northbound } = stages
  const { fleet } = southbound
  const { rights, access } = northbound

  const rpc = startRpc(foundation, stages)
  const idempotency = createIdempotencyCache(() => settings.current.callLimits)
  const conversions = startConversions(foundation)
  const tokens = tokenServiceOn(stores.store.tokens, { settings, log, onRevoked: rights.noteChange })
  stores.tokenChanged.on((id) => {
    tokens.reread(id).catch((error: unknown) => log.warn({ err: error }, 'a token that another node changed not read'))
  })
  const events = startEvents(foundation, fleet)
  const jobs = await startJobs(foundation, stages, { tokens, rpc, conversions })

  const progress = { addresses: undefined as BoundAddresses | undefined }
  const draining = new AbortController()
  shutdown.refuse(() => draining.abort())
  const streams = createStreamPlaces(() => settings.current.callLimits)
  measure(() => ({ eventStreams: streams.taken }))
  const health = healthOf({
    started: () => progress.addresses !== undefined,
    draining: draining.signal,
    store: stores.store,
    storeIsShared: settings.current.config.cluster !== undefined,
    audit: stores.audit,
    listening: { 'call-home.ssh': southbound.callHomeServer, 'endpoint.ssh': northbound.endpoint.server },
  })
  measure(async () => ({ ready: (await health.unready()).length === 0 }))
  const served: Served = {
    fleet,
    jobs,
    events,
    streams,
    live: access.live,
    enrolments: stores.enrolments,
    nodes: () => stages.cluster?.nodes() ?? [],
    clientPort: northbound.clientPort,
    rpc,
    idempotency,
    conversions,
    tokens,
    findAuditEvents: stores.audit.find,
    log,
    metrics,
    tracer: foundation.tracer,
    draining: draining.signal,
    about: () =>
      aboutTheBridge({
        settings: settings.current,
        devices: stores.enrolments.devices().length,
        addresses: progress.addresses,
        readConfig,
      }),
    health,
  }
  await serveOperator(foundation, fleet, served)
  const endpoint = await startEndpoint(foundation, stages, served)
  return {
    listen: async () => endpoint && listenForHttp(endpoint, foundation),
    noteStarted: (addresses) => {
      progress.addresses = addresses
    },
  }
}

function startRpc({ settings, shutdown, metrics }: Foundation, { stores, southbound }: EarlierStages): RpcService {
  const rpc = createRpcService({
    fleet: southbound.fleet,
    limits: () => settings.current.callLimits,
    audit: stores.audit.auditLog,
    denied: metrics.clients.operationDenied,
    boundReached: metrics.clients.requestBoundReached,
    perUser: (deviceId) => isPerUser(settings.current, deviceId, stores.enrolments.credentialsOf(deviceId)),
  })
  shutdown.refuse(() => rpc.drain())
  shutdown.close(() => rpc.close())
  return rpc
}

/** Large XML and JSON, which is worked on in a thread of its own. */
function startConversions({ settings, shutdown, metrics }: Foundation): ConversionService {
  const conversions = createConversionService({
    limits: () => settings.current.callLimits,
    refused: metrics.clients.notConverted,
  })
  shutdown.close(() => conversions.close())
  return conversions
}

/** Keeps the last events of the fleet for clients, and sends them to the webhooks. */
function startEvents(foundation: Foundation, fleet: Fleet): FleetEventLog {
  const { settings, log, shutdown, events, metrics, measure } = foundation
  const eventLog = createFleetEventLog(events, KEPT_EVENTS)
  shutdown.refuse(() => eventLog.close())
  const webhooks = startWebhooks({ settings, events: eventLog, fleet, log, metrics: metrics.webhooks })
  shutdown.refuse(() => webhooks.close())
  measure(() => ({ waitingWebhookEvents: webhooks.waiting() }))
  return eventLog
}

async function startJobs(
  { settings, log, shutdown, tracer }: Foundation,
  { stores, southbound, northbound }: EarlierStages,
  { tokens, ...parts }: { readonly tokens: TokenService } & Pick<JobServices, 'rpc' | 'conversions'>,
): Promise<JobQueue> {
  const { fleet, hasWork } = southbound
  const { access, rights } = northbound
  const services: JobServices = { ...parts, fleet, enrolments: stores.enrolments, tracer }
  const jobs = await jobQueueOn({ store: stores.store, fleet, accounts: access, tokens, services, settings, log })
  shutdown.refuse(() => jobs.close())
  hasWork(async (deviceId) => jobs.list().some((job) => job.deviceId === deviceId && isUnfinished(job)))
  rights.onChange(() => {
    jobs.recheck().catch((error: unknown) => log.error({ err: error }, 'rights of jobs not asked for anew'))
  })
  return jobs
}

function isUnfinished({ state }: Job): boolean {
  return state === 'queued' || state === 'running'
}

const RUNTIME_DIRECTORY_HINT = 'set RuntimeDirectory=homeport in the unit, or unset RUNTIME_DIRECTORY'

/** Serves the operator's sockets: whoever may open one of them is the operator. */
async function serveOperator({ settings, log, shutdown }: Foundation, fleet: Fleet, served: Served): Promise<void> {
  const caller = operatorCaller(directoryOf(fleet, served.enrolments))
  const app = createApp({ ...served, identify: () => ({ ok: true, caller }) })
  const { sockets, unsafe } = operatorSockets(settings.current.config.dataDir)
  if (unsafe !== undefined)
    log.warn(
      { directory: unsafe, hint: 'set RuntimeDirectoryMode=0750 in the unit' },
      'no socket in the runtime directory: others may write there; the one in data-dir answers',
    )
  for (const { path, group, from } of sockets) {
    const serving = await serveOnSocket(app, { path, group, log })
    if (!serving.ok) {
      const { message, hint } = serving.failure
      throw new StartError(`${from}: ${message}`, from === 'data-dir' ? hint : RUNTIME_DIRECTORY_HINT)
    }
    shutdown.close(() => serving.served.close())
  }
}

/** Builds the port of the API, or nothing where it is switched off. */
async function startEndpoint(
  { settings, log, shutdown, metrics }: Foundation,
  { southbound, northbound }: EarlierStages,
  served: Served,
): Promise<HttpEndpoint | undefined> {
  if (settings.current.config.endpoint.http.port === 'none') return undefined
  const authenticators = httpAuthenticatorsFrom(settings, northbound.access, served.tokens)
  const devices = directoryOf(southbound.fleet, served.enrolments)
  const identify = identifyByCredentials(devices, authenticators, log)
  const endpoint = await createHttpEndpoint(settings, (network) => createApp({ ...served, identify, network }), {
    log,
    isUnlimited: southbound.sources.isUnlimited,
    connectionRefused: (reason) => metrics.clients.connectionRefused(reason),
  })
  shutdown.drain(() => endpoint.quiet())
  shutdown.cutOff(() => endpoint.close())
  return endpoint
}

/** @returns the URL to call it by */
async function listenForHttp({ server, scheme }: HttpEndpoint, { settings, log }: Foundation): Promise<string> {
  const { address, port } = settings.current.config.endpoint.http
  logFailedAccepts(server, log)
  const bound = await listen(server, {
    key: 'endpoint.http',
    socketName: 'endpoint-http',
    address,
    port: port === 'none' ? 0 : port,
    off: 'endpoint.http.port: none',
  })
  return `${scheme}://${bound}`
}
