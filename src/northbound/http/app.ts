import { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Log } from '../../telemetry/log.js'
import type { Metrics } from '../../telemetry/metrics.js'
import type { Api, Identify, Ports } from './api.js'
import { handleErrors, handleInvalid, handleUnknownPath } from './handle-failures.js'
import { logRequests } from './log-requests.js'
import { answerProblem } from './problem.js'
import { registerAddDevice } from './routes/devices/add.js'
import { registerApproveDevice } from './routes/devices/approve.js'
import { registerForgetDevice } from './routes/devices/forget.js'
import { registerGetDevice } from './routes/devices/get.js'
import { registerListDevices } from './routes/devices/list.js'
import { registerRejectDevice } from './routes/devices/reject.js'
import { registerRepinDevice } from './routes/devices/repin.js'
import { registerHealth } from './routes/health.js'
import { registerMetrics } from './routes/metrics.js'
import { registerOperations } from './routes/operations/register.js'
import { registerOpenApi } from './routes/openapi.js'
import { registerKillSession } from './routes/sessions/kill.js'
import { registerListSessions } from './routes/sessions/list.js'

/** Octets; a device with all that it may have fits many times. */
const longestBody = 64 * 1024

export interface AppOptions extends Ports {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'exposition'>
  /** Who calls; asked by routes that state a scope. */
  readonly identify: Identify
}

/** The HTTP API, without sockets. */
export function createApp({ log, identify, metrics, ...ports }: AppOptions): Api {
  const app: Api = new OpenAPIHono({ defaultHook: handleInvalid })
  app.onError(handleErrors(log))
  app.notFound(handleUnknownPath)
  app.use(logRequests(log))
  app.use((c, next) => {
    const longest = carriesRpc(c.req.path) ? ports.rpc.limits().maxRequestSize : longestBody
    return boundedBody(longest)(c, next)
  })
  app.use((c, next) => {
    c.set('identify', identify)
    return next()
  })

  registerHealth(app)
  registerMetrics(app, metrics)
  registerListDevices(app, ports)
  registerAddDevice(app, ports)
  registerGetDevice(app, ports)
  registerForgetDevice(app, ports)
  registerApproveDevice(app, ports)
  registerRejectDevice(app, ports)
  registerRepinDevice(app, ports)
  registerListSessions(app, ports)
  registerKillSession(app, ports)
  registerOperations(app, ports)
  registerOpenApi(app)
  return app
}

/** Requests that carry what is for a device, and may be as long as configured. */
function carriesRpc(path: string): boolean {
  return /^\/api\/v1\/devices\/[^/]+\/(?:sessions\/[^/]+\/)?(?:rpc|transaction|edit-config|copy-config|get|get-config|validate)$/.test(
    path,
  )
}

function boundedBody(longest: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: longest,
    onError: (c) => answerProblem(c, 'body-too-large', { message: `the body is longer than ${longest} octets` }),
  })
}
