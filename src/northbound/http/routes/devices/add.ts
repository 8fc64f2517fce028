import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { AddedDevice, Decider } from '../../../../fleet/enrolment/enrolment.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { answerNoRights, needs } from '../../middleware/require-scope.js'
import { answerUnknownDevice, deviceContent } from './change.js'
import { describeDevice } from './device.js'
import { newDeviceIdSchema } from './device-id.js'
import { labelsSchema } from './labels-schema.js'

const word = z.string().min(1).max(255)

const newDeviceSchema = z
  .strictObject({
    id: newDeviceIdSchema,
    secret: z.string().min(1).max(1024).optional().openapi({
      description: 'of its initiation sequence, which vouches for its host key; no answer ever holds it',
      format: 'password',
      writeOnly: true,
    }),
    labels: labelsSchema.optional(),
    vendor: word.optional(),
    credentials: word.optional().openapi({ description: 'the name of a credentials profile of the configuration' }),
  })
  .openapi('NewDevice', { example: { id: 'router9', labels: { site: 'tokyo' }, vendor: 'junos' } })

const route = createRoute({
  method: 'post',
  path: '/api/v1/devices',
  ...needs('admin'),
  operationId: 'addDevice',
  description:
    "Enrols a device before its first call, so that its secret, or an operator's later approval of " +
    'its key, lets it in. For many devices there is `/api/v1/devices/import`.',
  tags: ['devices'],
  summary: 'Adds a device that has not called yet',
  request: { body: { required: true, content: { 'application/json': { schema: newDeviceSchema } } } },
  responses: {
    201: {
      description: 'the device, added',
      headers: z.object({ Location: z.string().openapi({ description: 'the path of the device' }) }),
      content: deviceContent,
    },
    ...problemResponses(
      'no-rights',
      'credentials-not-allowed',
      'already-known',
      'decided-by-configuration',
      'invalid-request',
      'not-written',
    ),
  },
})

export function registerAddDevice(api: Api, { fleet, enrolments }: HttpServices): void {
  api.openapi(route, async (c) => {
    const device = addedDevice(c.req.valid('json'))
    const { deviceId, labels = {} } = device
    if (!c.var.caller.mayOnNew('admin', { id: deviceId, labels })) return answerNoRights(c, 'admin', deviceId)
    const decider = c.var.caller.decider({ id: deviceId, labels })
    if (!mayGive(decider, device.credentials)) return answerCredentialsNotAllowed(c, device.credentials)
    // One that waits for somebody else's decision is not taken over by giving it labels of one's own.
    const isKnown = (await enrolments.get(deviceId)) !== undefined
    if (isKnown && !(await c.var.caller.mayOn('admin', deviceId))) return answerKnown(c, deviceId)
    const change = await enrolments.add(device, decider)
    if (!change.ok) return answerProblem(c, change.refusal.reason, change.refusal)
    if (change.enrolment === undefined) return answerUnknownDevice(c, deviceId)
    c.header('Location', `/api/v1/devices/${encodeURIComponent(deviceId)}`)
    return c.json(describeDevice(deviceId, change.enrolment, await fleet.device(deviceId)), 201)
  })
}

/**
 * Without a name the device gets `default`, of which it is sent no password unless who adds it may use that profile.
 */
function mayGive(decider: Decider, credentials: string | undefined): credentials is undefined {
  return credentials === undefined || typeof decider === 'string' || decider.profiles.includes(credentials)
}

function answerKnown(c: Context<ApiEnv>, deviceId: string) {
  return answerProblem(c, 'already-known', {
    message: `${JSON.stringify(deviceId)} is enrolled already`,
    hint: 'ask whoever runs the bridge, or choose another id',
  })
}

/** The same whether there are such credentials or not. */
function answerCredentialsNotAllowed(c: Context<ApiEnv>, name: string) {
  const user = JSON.stringify(c.var.caller.user)
  return answerProblem(c, 'credentials-not-allowed', {
    message: `user ${user} may not give the credentials ${JSON.stringify(name)} to a device`,
    hint: 'a role with `admin` in its `api` that lists them in its `credentials` would allow it',
  })
}

function addedDevice({ id, secret, labels, vendor, credentials }: z.output<typeof newDeviceSchema>): AddedDevice {
  return {
    deviceId: id,
    ...(secret === undefined ? {} : { secret }),
    ...(labels === undefined ? {} : { labels }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}
