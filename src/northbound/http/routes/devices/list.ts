import { createGiveWay } from '../../../../lib/give-way.js'
import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { describeDevice, deviceSchema } from './device.js'

/** All devices, sorted by id. */
export const deviceListSchema = z.object({ devices: z.array(deviceSchema) }).openapi('DeviceList')

const route = createRoute({
  method: 'get',
  path: '/api/v1/devices',
  ...needs('read'),
  operationId: 'listDevices',
  tags: ['devices'],
  summary: 'All device ids that are configured, enrolled or were seen, as far as the caller may see them',
  responses: {
    200: { description: 'sorted by id', content: { 'application/json': { schema: deviceListSchema } } },
    ...problemResponses(),
  },
})

export function registerListDevices(api: Api, { fleet, enrolments }: HttpServices): void {
  api.openapi(route, async (c) => {
    const [known, enrolled] = await Promise.all([fleet.devices(), enrolments.list()])
    const statuses = new Map(known.map((status) => [status.id, status]))
    const views = new Map(enrolled.map((enrolment) => [enrolment.deviceId, enrolment]))
    const giveWay = createGiveWay()
    const devices: ReturnType<typeof describeDevice>[] = []
    for (const id of [...new Set([...statuses.keys(), ...views.keys()])].toSorted()) {
      await giveWay()
      if (c.var.caller.sees({ id, labels: statuses.get(id)?.labels ?? {} }))
        devices.push(describeDevice(id, views.get(id), statuses.get(id)))
    }
    return c.json({ devices }, 200)
  })
}
