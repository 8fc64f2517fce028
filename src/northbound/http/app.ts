import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { OPERATIONS } from '../../operations/register.js'
import type { Log } from '../../telemetry/log.js'
import type { Metrics } from '../../telemetry/metrics.js'
import type { CurrentTracer } from '../../telemetry/traces.js'
import type { Api, HttpServices, Identify } from './api.js'
import type { Health } from './health.js'
import { becomesJob, boundOfJob } from './jobs/queue-calls.js'
import { type BodyBound, createBodyBudget } from './middleware/body-budget.js'
import { boundedBody } from './middleware/bounded-body.js'
import { endUnreadBodies } from './middleware/end-unread-bodies.js'
import { handleErrors, handleInvalid } from './middleware/handle-failures.js'
import { logRequests } from './middleware/log-requests.js'
import { type KnowsHost, refuseForeign, refuseWhileDraining } from './middleware/origin-check.js'
import { type Peer, type ProxyTrust, peerOf } from './middleware/peer.js'
import { nameRequests } from './middleware/request-id.js'
import { setSecurityHeaders } from './middleware/security-headers.js'
import { traceRequests } from './middleware/trace-requests.js'
import { registerFindAuditLines } from './routes/audit/list.js'
import { type BridgeFacts, registerBridge } from './routes/bridge.js'
import { registerAddDevice } from './routes/devices/add.js'
import { registerApproveDevice } from './routes/devices/approve.js'
import { registerDisconnectDevice } from './routes/devices/disconnect.js'
import { registerForgetDevice } from './routes/devices/forget.js'
import { registerGetDevice } from './routes/devices/get.js'
import { registerImportDevices } from './routes/devices/import.js'
import { registerListDevices } from './routes/devices/list.js'
import { registerChangeDevice } from './routes/devices/patch.js'
import { registerRejectDevice } from './routes/devices/reject.js'
import { registerRepinDevice } from './routes/devices/repin.js'
import { registerDocs } from './routes/docs.js'
import { registerEvents } from './routes/events.js'
import { registerHealth } from './routes/health.js'
import { registerJobs } from './routes/jobs/jobs.js'
import { registerMetrics } from './routes/metrics.js'
import { registerListNodes } from './routes/nodes/list.js'
import { registerNotifications } from './routes/notifications.js'
import { registerOpenApi, registerSharedSchemas } from './routes/openapi.js'
import { registerOperations } from './routes/operations/register.js'
import { registerRoot } from './routes/root.js'
import { registerKillSession } from './routes/sessions/kill.js'
import { registerListSessions } from './routes/sessions/list.js'
import { registerCreateToken } from './routes/tokens/create.js'
import { registerListTokens } from './routes/tokens/list.js'
import { registerRevokeToken } from './routes/tokens/revoke.js'
import { answerUnmatched } from './unmatched.js'

const SEND_LESS = 'send it in parts, or raise endpoint.http.max-request-size'

/** Bytes; a device with all that it may have fits many times. */
const LONGEST_BODY = 64 * 1024

export interface AppOptions extends HttpServices {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'exposition'>
  /** Traces calls, where there is one. */
  readonly tracer?: CurrentTracer
  readonly health: Health
  /** What the bridge says of itself. */
  readonly about: () => BridgeFacts
  /** Aborted when the bridge is stopping. */
  readonly draining: AbortSignal
  /** Who calls; asked by routes that state a scope. */
  readonly identify: Identify
  /** For calls over TCP; absent on the operator's socket, which only the operator's programs open. */
  readonly network?: NetworkSide
}

/** The checks of an app that the network reaches. After a reload these functions return the new settings. */
export interface NetworkSide {
  readonly proxies: () => ProxyTrust
  readonly knowsHost: KnowsHost
  readonly metricsArePublic: () => boolean
}

/** Where calls on the operator's socket come from. */
const localPeer: Peer = { source: 'local', address: 'local', secure: true, proxied: false }

/** Finds out who calls once for each call, whoever asks. */
function once(identify: Identify): Identify {
  let identified: ReturnType<Identify> | undefined
  return (c) => (identified ??= identify(c))
}

/** The HTTP API, without sockets. */
export function createApp(options: AppOptions): Api {
  const { log, health, about, draining, identify, metrics, network, tracer, ...services } = options
  const app: Api = new OpenAPIHono({ defaultHook: handleInvalid })
  app.onError(handleErrors(log))
  app.notFound(answerUnmatched(app))
  app.use(nameRequests())
  app.use((c, next) => {
    const { incoming } = c.env ?? {}
    c.set('peer', network === undefined || incoming === undefined ? localPeer : peerOf(incoming, network.proxies()))
    c.set('identify', once(identify))
    c.set('draining', draining)
    return next()
  })
  if (tracer !== undefined) app.use(traceRequests(tracer))
  app.use(logRequests(log))
  app.use(setSecurityHeaders())
  app.use(endUnreadBodies())
  // Before the checks that may refuse a call: a load balancer asks under any host name that it knows.
  registerSharedSchemas(app)
  registerHealth(app, health)
  app.use(async (c, next) => {
    const refusal = network && (refuseForeign(c, network.knowsHost) ?? refuseWhileDraining(c))
    return refusal ?? next()
  })
  const boundOf = (c: Context): BodyBound => {
    if (!carriesRpc(c.req.path)) return { bytes: LONGEST_BODY }
    const limits = services.rpc.limits()
    return becomesJob(c) ? boundOfJob(limits) : { bytes: limits.maxRequestSize, hint: SEND_LESS }
  }
  app.use(
    boundedBody(
      boundOf,
      createBodyBudget(() => services.rpc.limits().maxRequestTotal),
    ),
  )

  app.use((c, next) => {
    // A generated client declares a JSON body also when it sends none.
    if (c.req.header('content-length') === '0') c.req.raw.headers.delete('content-type')
    return next()
  })

  registerBridge(app, about)
  registerMetrics(app, metrics, network?.metricsArePublic ?? (() => false))
  registerListDevices(app, services)
  registerAddDevice(app, services)
  registerImportDevices(app, services)
  registerGetDevice(app, services)
  registerChangeDevice(app, services)
  registerForgetDevice(app, services)
  registerApproveDevice(app, services)
  registerRejectDevice(app, services)
  registerDisconnectDevice(app, services)
  registerRepinDevice(app, services)
  registerListSessions(app, services)
  registerKillSession(app, services)
  registerListNodes(app, services)
  registerFindAuditLines(app, services)
  registerListTokens(app, services)
  registerCreateToken(app, services)
  registerRevokeToken(app, services)
  registerOperations(app, services)
  registerNotifications(app, services)
  registerEvents(app, services)
  registerJobs(app, services)
  registerOpenApi(app)
  registerDocs(app)
  registerRoot(app)
  return app
}

/** The ends of paths whose requests carry what is for a device. */
const CARRYING = [
  'rpc',
  'transaction',
  ...OPERATIONS.filter(({ bodyLimit }) => bodyLimit === 'request').map(({ name }) => name),
]

const CARRYING_PATH = new RegExp(`^/api/v1/devices/[^/]+/(?:sessions/[^/]+/)?(?:${CARRYING.join('|')})$`)

/** Requests that carry what is for a device, and may be as long as configured. */
function carriesRpc(path: string): boolean {
  return path === '/api/v1/rpc' || CARRYING_PATH.test(path)
}
