import { createRoute, z } from '@hono/zod-openapi'
import { undecided } from '../../../../fleet/refusals/sessions.js'
import type { Api, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerUnknownDevice } from './change.js'
import { deviceIdParameter } from './device-id.js'

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices/{id}/disconnect',
  ...needsOnDevice('admin'),
  operationId: 'disconnectDevice',
  description:
    'Closes the connection, of several all or the one that `link` names; a device that calls home dials again by ' +
    'itself, within seconds as a rule.',
  tags: ['devices'],
  summary: 'Ends the links of a device, with all sessions on them; the device dials again by itself',
  request: {
    params: deviceIdParameter,
    query: z.object({
      link: z.coerce
        .number()
        .int()
        .min(1)
        .optional()
        .openapi({ description: 'the number of the one link to end, such as 2' }),
    }),
  },
  responses: {
    204: { description: 'ended' },
    ...problemResponses('invalid-request', 'unknown-device', 'not-connected'),
  },
})

export function registerDisconnectDevice(api: Api, { fleet, enrolments }: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    if ((await fleet.device(id)) === undefined) {
      // Whoever may decide on a device may know how it stands.
      const words = undecided(id, (await enrolments.get(id))?.standing ?? '')
      return words === undefined ? answerUnknownDevice(c, id) : answerProblem(c, 'unknown-device', words)
    }
    const { link } = c.req.valid('query')
    if (await fleet.disconnect(id, c.var.caller.user, link)) return c.body(null, 204)
    return answerProblem(c, 'not-connected', {
      message:
        link === undefined
          ? `device ${JSON.stringify(id)} has no link to end`
          : `device ${JSON.stringify(id)} has no link of the number ${link}`,
      hint: 'GET /api/v1/devices/{id} (homeport devices show) tells which it has, and when its last one ended',
    })
  })
}
