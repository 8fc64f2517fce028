import { inBackground } from '../../../../lib/background.js'
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { accountChanged, rightLostBy } from '../../../authorise.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerFailure, answerRefused } from '../../rpc/answer-failure.js'
import { clientOf } from '../../rpc/rpc-caller.js'
import { createCallDeadline } from '../../../../rpc/call-deadline.js'
import { deviceTimeout } from '../../../../rpc/call-failure.js'
import { timeoutOf } from '../../rpc/timeout.js'
import { registerStreamingRoute } from '../../streaming-route.js'
import { deviceIdParameter } from '../devices/device-id.js'
import { timeoutQuery } from '../operations/operation-route.js'
import { describeDeviceSession, deviceSessionSchema } from './session.js'

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/sessions',
  ...needsOnDevice('rpc'),
  operationId: 'openDeviceSession',
  description:
    "Opens a NETCONF session of the caller's own, on which candidate and locks work over several " +
    "calls. It ends when it is closed, when nobody uses it for too long, or with the device's link.",
  tags: ['operations'],
  summary: 'Opens a session of your own on the device, for locks and for work on the candidate',
  request: { params: deviceIdParameter, query: timeoutQuery },
  responses: {
    201: {
      description: 'the session',
      headers: z.object({ Location: z.string().openapi({ description: 'the path of the session' }) }),
      content: { 'application/json': { schema: deviceSessionSchema } },
    },
    ...problemResponses(
      'no-rights',
      'unknown-device',
      'too-many-sessions',
      'not-connected',
      'link-full',
      'refused-by-device',
      'no-session',
      'device-timeout',
    ),
  },
})

export function registerOpenDeviceSession(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, route, (c) => open(c, services))
}

async function open(c: Context<ApiEnv>, services: HttpServices): Promise<Response> {
  const deviceId = c.req.param('id') ?? ''
  const authorisation = await c.var.caller.authorise(deviceId)
  if (!authorisation.allowed) return answerRefused(c, authorisation.refusal)
  const { account } = authorisation
  const timeout = timeoutOf(c, services.rpc.limits())
  if (!timeout.ok) return timeout.response
  const deadline = createCallDeadline(c.req.raw.signal, timeout.milliseconds)
  const opening = await services.rpc.sessions.open(
    { owner: c.var.caller.principal, deviceId, client: clientOf(c), account },
    { signal: deadline.signal, span: c.var.span },
  )
  deadline.met()
  if (!opening.ok) {
    const late = opening.failure.cause === 'client-gone' && deadline.passed()
    const failure = late ? deviceTimeout(deviceId, deadline.timeout, false) : opening.failure
    return answerFailure(c, services, { deviceId, failure })
  }
  if (c.req.raw.signal.aborted) inBackground('http', services.rpc.sessions.close(opening.session))
  const { caller } = c.var
  services.rpc.sessions.endBy(opening.session, (end) =>
    services.live.watch({
      check: async () => {
        const now = await caller.authorise(deviceId)
        return caller.ended() ?? rightLostBy(now) ?? accountChanged(now, account, caller.user)
      },
      until: caller.until,
      end: ({ message }) => end(message),
    }),
  )
  c.header('Location', `/api/v1/devices/${encodeURIComponent(deviceId)}/sessions/${opening.session.id}`)
  return c.json(describeDeviceSession(opening.session), 201)
}
