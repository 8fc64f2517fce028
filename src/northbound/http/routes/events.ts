import { oneAfterAnother } from '../../../lib/background.js'
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { rightEnd } from '../../../fleet/refusals/session-ends.js'
import type { Api, ApiEnv, HttpServices } from '../api.js'
import { directoryOf } from '../../device-directory.js'
import { problemResponses } from '../problem.js'
import { needs } from '../middleware/require-scope.js'
import { registerStreamingRoute } from '../streaming-route.js'
import { createBoundedQueue } from '../streams/bounded-queue.js'
import { FLEET_EVENT_TYPES, type FleetEvent } from '../../../fleet/event-log.js'
import { answerEvents, type ServerSentEvent } from '../streams/server-sent-events.js'
import { enterStream } from '../streams/stream-gate.js'

const querySchema = z.object({
  types: z
    .string()
    .optional()
    .refine(
      (types) =>
        types === undefined ||
        types.split(',').every((type) => (FLEET_EVENT_TYPES as readonly string[]).includes(type)),
      `has a type that is none of ${FLEET_EVENT_TYPES.join(', ')}`,
    )
    .openapi({ description: `of the events that are wanted, by commas: ${FLEET_EVENT_TYPES.join(', ')}` }),
  device: z.string().optional().openapi({ description: 'events of this device alone' }),
})

const route = createRoute({
  method: 'get',
  path: '/api/v1/events',
  ...needs('read'),
  operationId: 'fleetEvents',
  description:
    'A stream of server-sent events that stays open: devices that attach, detach, are refused, pend, ' +
    'are decided on or labelled. A client that comes again with `Last-Event-ID` gets what it missed.',
  tags: ['streams'],
  summary:
    'What happens in the fleet, as server-sent events; a client that comes again names the last in Last-Event-ID',
  request: { query: querySchema },
  responses: {
    200: {
      description:
        'one event each: its type, its id, and JSON with at, deviceId and details; ' +
        '`gap` where some were missed; `ended`, the last, where the right to it has ended',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problemResponses('invalid-request', 'too-many-calls'),
  },
})

/** `GET /api/v1/events`: those of the devices that the caller may see. */
export function registerEvents(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, route, async (c) => {
    const entered = enterStream(c, services)
    if (!entered.ok) return entered.response
    const { maxStreamBacklog } = services.rpc.limits()
    const queue = createBoundedQueue<ServerSentEvent>(maxStreamBacklog)
    const wants = wantedBy(c, services)
    const giveIfWanted = async (event: FleetEvent): Promise<void> => {
      if ((await wants(event)) && !queue.push(written(event))) queue.end()
    }
    // One after another, so that they stay in their order.
    const inTurn = oneAfterAnother('http', () => queue.end())
    const give = (event: FleetEvent): void => inTurn(() => giveIfWanted(event))
    const lastSeen = c.req.header('last-event-id')
    if (lastSeen !== undefined) {
      const { events, complete } = services.events.since(lastSeen)
      if (!complete) queue.push({ event: 'gap', data: '{}' })
      for (const event of events) give(event)
    }
    const stopListening = services.events.listen(give)
    const { caller } = c.var
    return answerEvents(c, services, {
      queue,
      check: () => caller.ended() ?? (caller.may('read') ? undefined : noRole),
      leave: () => {
        stopListening()
        entered.leave()
      },
    })
  })
}

const noRole = rightEnd('no-rights', 'no role with the scope `read` is left', 'ask whoever runs the bridge for one')

function wantedBy(c: Context<ApiEnv>, { fleet, enrolments }: HttpServices): (event: FleetEvent) => Promise<boolean> {
  const { types, device } = querySchema.parse(c.req.query())
  const wanted = types?.split(',')
  const { caller } = c.var
  const devices = directoryOf(fleet, enrolments)
  return async ({ type, deviceId }) => {
    if (wanted?.includes(type) === false || (device !== undefined && device !== deviceId)) return false
    // Who called without naming a device is nobody's business but the operator's.
    return deviceId === null ? caller.mayEverywhere('admin') : caller.sees(await devices.selectable(deviceId))
  }
}

function written({ id, type, ...more }: FleetEvent): ServerSentEvent {
  return { id, event: type, data: JSON.stringify(more) }
}
