import { inBackground } from '../../../lib/background.js'
import { onAbort } from '../../../lib/on-abort.js'
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { operationOf } from '../../../access/authz/operation.js'
import { decide } from '../../../access/authz/operation-rule.js'
import type { RightEnd } from '../../../access/authz/right-end.js'
import { rightEnd } from '../../../fleet/refusals/session-ends.js'
import { buildNotification } from '../../../netconf/notification.js'
import { serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import { xmlToJson } from '../../../netconf/xml/xml-to-json.js'
import { accountChanged, rightLostBy } from '../../authorise.js'
import type { Api, ApiEnv, HttpServices } from '../api.js'
import { problemResponses } from '../problem.js'
import { needsOnDevice } from '../middleware/require-scope.js'
import { answerFailure, answerForbidden, answerRefused } from '../rpc/answer-failure.js'
import { answerErrors } from '../rpc/answer-reply.js'
import { clientOf } from '../rpc/rpc-caller.js'
import { filterOf } from '../../../operations/parameters.js'
import { InvalidField } from '../../../operations/payload.js'
import { auditRpc } from '../../../rpc/audit-rpc.js'
import { registerStreamingRoute } from '../streaming-route.js'
import { type BoundedQueue, createBoundedQueue } from '../streams/bounded-queue.js'
import {
  keepSubscribed,
  subscriptionOf,
  type SubscriptionEnd,
  type SubscriptionRequest,
} from '../streams/notification-subscription.js'
import { answerEvents, type ServerSentEvent } from '../streams/server-sent-events.js'
import { enterStream } from '../streams/stream-gate.js'
import { deviceIdParameter } from './devices/device-id.js'
import { answerInvalidField } from './operations/operation-route.js'
import { answerProblem } from '../problem.js'

const querySchema = z.object({
  stream: z.string().min(1).optional().openapi({ description: '`NETCONF` unless it is given' }),
  filter: z.string().min(1).optional().openapi({ description: 'a subtree as XML' }),
  xpath: z.string().min(1).optional().openapi({ description: 'where the device has :xpath' }),
  start: z.iso
    .datetime({ offset: true })
    .optional()
    .openapi({ description: 'what the device kept since then comes first, where it can' }),
  format: z.enum(['xml', 'json']).optional().openapi({ description: 'of the notifications; xml unless it is given' }),
})

const route = createRoute({
  method: 'get',
  path: '/api/v1/devices/{id}/notifications',
  ...needsOnDevice('rpc'),
  operationId: 'deviceNotifications',
  description:
    'Subscribes on the device (RFC 5277) and passes its notifications on as server-sent events for as ' +
    'long as the client stays.',
  tags: ['streams'],
  summary:
    'Notifications of a device (RFC 5277) as server-sent events, ' +
    'through its redials; Last-Event-ID goes on where it was',
  request: { params: deviceIdParameter, query: querySchema },
  responses: {
    200: {
      description:
        '`subscribed`, then `notification` with the whole of it as data, `interrupted` when the session ended, ' +
        '`subscribed` again, `refused` when the device has had enough, `ended` when the right to it has',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problemResponses(
      'invalid-request',
      'no-rights',
      'operation-forbidden',
      'unknown-device',
      'not-connected',
      'rpc-error',
      'too-many-calls',
    ),
  },
})

/** A call that asks for a subscription. */
interface SubscriptionCall {
  readonly c: Context<ApiEnv>
  readonly services: HttpServices
  readonly deviceId: string
  readonly request: SubscriptionRequest
  /** The account of the device that it is on; any where absent. */
  readonly account?: string | undefined
}

/** `GET …/notifications`: a subscription on a session of its own, for as long as the client listens. */
export function registerNotifications(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, route, async (c) => {
    const deviceId = c.req.param('id') ?? ''
    try {
      const query = querySchema.parse(c.req.query())
      const filter = filterOf(query.xpath === undefined ? query.filter : { xpath: query.xpath })
      const request: SubscriptionRequest = {
        ...(query.stream === undefined ? {} : { stream: query.stream }),
        ...(filter === undefined ? {} : { filter }),
        ...(query.start === undefined ? {} : { startTime: query.start }),
      }
      const call: SubscriptionCall = { c, services, deviceId, request }
      const authorised = await authorisedFor(call)
      if ('refusal' in authorised) return authorised.refusal
      return await answerSubscription({ ...call, ...authorised }, query.format ?? 'xml')
    } catch (thrown) {
      if (thrown instanceof InvalidField) return answerInvalidField(c, thrown)
      throw thrown
    }
  })
}

async function authorisedFor({
  c,
  services,
  deviceId,
  request,
}: SubscriptionCall): Promise<{ readonly refusal: Response } | Pick<SubscriptionCall, 'account'>> {
  const authorisation = await c.var.caller.authorise(deviceId)
  if (!authorisation.allowed) return { refusal: answerRefused(c, authorisation.refusal) }
  const { permission, account } = authorisation
  const decision = decide(permission.operations, operationOf(subscriptionOf(request)))
  return decision.allowed ? { account } : { refusal: await answerForbidden(c, services, decision.reason) }
}

/** Why the caller may not have the subscription any more; undefined while it may. */
async function rightTo({ c, deviceId, request, account }: SubscriptionCall): Promise<RightEnd | undefined> {
  const { caller } = c.var
  const end = caller.ended()
  if (end !== undefined) return end
  const authorisation = await caller.authorise(deviceId)
  if (!authorisation.allowed) return rightLostBy(authorisation)
  const changed = accountChanged(authorisation, account, caller.user)
  if (changed !== undefined) return changed
  const decision = decide(authorisation.permission.operations, operationOf(subscriptionOf(request)))
  return decision.allowed
    ? undefined
    : rightEnd('no-rights', decision.reason, 'ask whoever runs the bridge for a role that allows it')
}

/**
 * Answers once the device has taken the subscription, so that what is wrong has a status of its own. Who comes again
 * with the id of an event waits for the device inside the stream: an EventSource gives up at any other answer.
 */
async function answerSubscription(call: SubscriptionCall, format: 'xml' | 'json'): Promise<Response> {
  const { c, services, deviceId, request, account } = call
  const entered = enterStream(c, services)
  if (!entered.ok) return entered.response
  const over = new AbortController()
  const began = performance.now()
  const queue = createBoundedQueue<ServerSentEvent>(services.rpc.limits().maxStreamBacklog)
  const give = (event: ServerSentEvent): void => {
    if (!queue.push(event)) queue.end()
  }
  let begun = (): void => {}
  const taken = new Promise<undefined>((resolve) => {
    begun = () => resolve(undefined)
  })
  onAbort(c.req.raw.signal, () => over.abort())
  const ending = keepSubscribed(
    {
      fleet: services.fleet,
      deviceId,
      client: clientOf(c),
      account,
      request,
      after: c.req.header('last-event-id'),
      signal: over.signal,
      span: c.var.span,
    },
    {
      subscribed: (state) => {
        const { replayed, id } = state
        give({ event: 'subscribed', data: JSON.stringify({ replayed }), ...(id === undefined ? {} : { id }) })
        begun()
      },
      notified: ({ id, notification }) => {
        const root = buildNotification(notification)
        give({
          event: 'notification',
          ...(id === undefined ? {} : { id }),
          data: format === 'json' ? JSON.stringify(xmlToJson(root)) : serialiseXml(root),
        })
      },
      interrupted: (why) => {
        give({ event: 'interrupted', data: JSON.stringify({ reason: why }) })
        begun()
      },
    },
  ).finally(() => entered.leave())
  const failed = await Promise.race([taken, ending])
  auditSubscription(call, { milliseconds: performance.now() - began, failed })
  if (failed !== undefined) return answerEnd(call, failed)
  const told = ending.then((end) => tellEnd(queue, end))
  inBackground('http', told)
  return answerEvents(c, services, { queue, check: () => rightTo(call), leave: () => over.abort() })
}

function answerEnd({ c, services, deviceId }: SubscriptionCall, end: SubscriptionEnd): Response | Promise<Response> {
  if (end.cause === 'refused') return answerErrors(c, { errors: end.errors, warnings: [] })
  if (end.cause === 'failed') return answerFailure(c, services, { deviceId, failure: end.failure })
  return answerProblem(c, 'shutting-down', { message: 'the subscription was given up', hint: 'try again' })
}

function tellEnd(queue: BoundedQueue<ServerSentEvent>, end: SubscriptionEnd): void {
  if (end.cause !== 'cancelled') {
    const reason = end.cause === 'failed' ? end.failure.message : (end.errors[0]?.message ?? 'rpc-error')
    queue.push({ event: 'refused', data: JSON.stringify({ reason }) })
  }
  queue.end()
}

function auditSubscription(
  { c, services, deviceId, request }: SubscriptionCall,
  { milliseconds, failed }: { readonly milliseconds: number; readonly failed: SubscriptionEnd | undefined },
): void {
  const { name, namespace } = operationOf(subscriptionOf(request))
  const outcome =
    failed === undefined ? 'ok' : failed.cause === 'refused' ? (failed.errors[0]?.tag ?? 'rpc-error') : 'aborted'
  auditRpc(services.rpc.audit, c.var.span, {
    ...clientOf(c),
    deviceId,
    operation: name,
    namespace,
    bytesFromClient: 0,
    bytesFromDevice: 0,
    durationSeconds: milliseconds / 1000,
    outcome,
  })
}
