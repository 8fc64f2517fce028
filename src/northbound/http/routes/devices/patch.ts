import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { changedLabels, MAX_LABELS } from '../../../../fleet/enrolment/labels.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { needsOnDevice } from '../../middleware/require-scope.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { answerChanged, decisiveAmong, deviceContent } from './change.js'
import { deviceIdParameter } from './device-id.js'
import { labelChangesSchema } from './labels-schema.js'

const patchSchema = z
  .strictObject({ labels: labelChangesSchema })
  .openapi('DevicePatch', { example: { labels: { site: 'tokyo', rack: null } } })

const body = { schema: patchSchema }

const route = createRoute({
  method: 'patch',
  path: '/api/v1/devices/{id}',
  ...needsOnDevice('admin'),
  operationId: 'changeDevice',
  description:
    'A merge patch of `labels`: those that are not named stay. Labels decide which roles include a ' +
    'device, so the change counts at once for whatever is open. One by which roles or tokens select ' +
    'needs `admin` on every device.',
  tags: ['devices'],
  summary: 'Changes labels of a device that is not in the configuration file; `null` takes one away (RFC 7396)',
  request: {
    params: deviceIdParameter,
    body: { required: true, content: { 'application/merge-patch+json': body, 'application/json': body } },
  },
  responses: {
    200: { description: 'the device, with its labels', content: deviceContent },
    ...problemResponses('no-rights', 'unknown-device', 'decided-by-configuration', 'invalid-request', 'not-written'),
  },
})

export function registerChangeDevice(api: Api, services: HttpServices): void {
  api.openapi(route, async (c) => {
    const { id } = c.req.valid('param')
    const { labels: changes } = c.req.valid('json')
    const decisive = await decisiveAmong(c, services, [...changes.keys()])
    if (decisive !== undefined) return answerDecisive(c, decisive)
    const before = (await services.enrolments.labelsOf(id)) ?? {}
    if (Object.keys(changedLabels(before, changes)).length > MAX_LABELS) return answerTooMany(c)
    const change = await services.enrolments.label(id, c.var.caller.user, changes)
    return answerChanged(c, services, { id, change })
  })
}

function answerDecisive(c: Context<ApiEnv>, name: string) {
  const user = JSON.stringify(c.var.caller.user)
  return answerProblem(c, 'no-rights', {
    message: `user ${user} may not change the label ${JSON.stringify(name)}: rights go by it`,
    hint: 'somebody whose role has the scope `admin` on every device may',
  })
}

function answerTooMany(c: Context<ApiEnv>) {
  const detail = `the device would have more than ${MAX_LABELS} labels`
  return answerProblem(c, 'invalid-request', {
    message: `#/labels: ${detail}`,
    hint: 'take others away in the same call, by null',
    errors: [{ pointer: '#/labels', detail }],
  })
}
