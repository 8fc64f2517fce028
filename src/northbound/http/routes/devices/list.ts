import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { patternsIn } from '../../../../access/authz/device-selection.js'
import type { DeviceStatus } from '../../../../fleet/device-status.js'
import { createGiveWay } from '../../../../lib/give-way.js'
import type { Api, ApiEnv, HttpServices } from '../../api.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { registerStreamingRoute, validQuery } from '../../streaming-route.js'
import { needs } from '../../middleware/require-scope.js'
import { describeDevice, deviceSchema, type DeviceView } from './device.js'
import { answerInventory } from './formats/answer-inventory.js'
import { deviceListQuery, type DeviceListQuery, filterOf, orderOf } from './list-query.js'
import { cursorAfter, readCursor } from './page-cursor.js'
import {
  comparePlaces,
  type DeviceOutline,
  deviceFilter,
  outlineDevice,
  type Place,
  placeIn,
} from './select-devices.js'

/** Devices, or a page of them. */
export const deviceListSchema = z
  .object({
    devices: z.array(deviceSchema),
    total: z.int().openapi({ description: 'how many devices the filters leave, on all pages' }),
    next: z.string().nullable().openapi({ description: 'give it as `cursor` for the page that follows' }),
  })
  .openapi('DeviceList')

const route = createRoute({
  method: 'get',
  path: '/api/v1/devices',
  ...needs('read'),
  operationId: 'listDevices',
  description:
    'Without parameters, all devices are in one answer. Filters have to be fulfilled all together; ' +
    '`total` counts what they leave. A page is followed by the one that `next` names, whatever ' +
    'devices come and go meanwhile.',
  tags: ['devices'],
  summary: 'All device ids that are configured, enrolled or were seen, as far as the caller may see them',
  request: { query: deviceListQuery },
  responses: {
    200: {
      description: 'sorted by id unless another order is asked for; with `format`, that inventory instead',
      headers: z.object({
        Link: z.string().optional().openapi({ description: 'with `rel="next"`, the path of the page that follows' }),
      }),
      content: { 'application/json': { schema: deviceListSchema } },
    },
    ...problemResponses('invalid-request'),
  },
})

export function registerListDevices(api: Api, services: HttpServices): void {
  registerStreamingRoute(api, route, async (c) => {
    const query = validQuery(c) as DeviceListQuery
    const { maxSelectorPatterns } = services.rpc.limits()
    if (patternsIn(query.selector ?? []) > maxSelectorPatterns) {
      services.rpc.boundReached('max-selector-patterns')
      return answerWrong(c, 'selector', `more than ${maxSelectorPatterns} characters with * or ? together`)
    }
    const { format } = query
    if (format !== 'json' && query.cursor !== undefined) return answerWrong(c, 'cursor', 'an inventory has no pages')
    if (format !== 'json' && query.limit !== undefined) return answerWrong(c, 'limit', 'an inventory has no pages')
    const list = { ...filterOf(query), sort: query.sort }
    const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor, list)
    if (cursor?.ok === false) return answerWrong(c, 'cursor', cursor.fault)

    const chosen = await chooseDevices(c, services, query)
    const { page, more } = pageOf(chosen, { after: cursor?.after, query })
    const devices = await describeAll(services, page)
    if (format !== 'json') return answerInventory(c, services, { devices, query: { ...query, format } })
    const last = page.at(-1)
    const next = more && last !== undefined ? cursorAfter(last.place, list) : null
    if (next !== null) c.header('Link', `<${pathOf(c, next)}>; rel="next"`)
    return c.json({ devices, total: chosen.length, next } satisfies z.infer<typeof deviceListSchema>, 200)
  })
}

interface Chosen {
  readonly place: Place
  readonly status: DeviceStatus | undefined
}

/** The devices that the caller may see and asks for, in order. */
async function chooseDevices(
  { var: { caller } }: Context<ApiEnv>,
  { fleet, enrolments }: HttpServices,
  query: DeviceListQuery,
): Promise<readonly Chosen[]> {
  const [known, enrolled] = await Promise.all([fleet.devices(), enrolments.outlines()])
  const statuses = new Map(known.map((status) => [status.id, status]))
  const outlines = new Map(enrolled.map((outline) => [outline.deviceId, outline]))
  const isWanted = deviceFilter(filterOf(query))
  const { order, reverse } = orderOf(query)
  const giveWay = createGiveWay()
  const chosen: Chosen[] = []
  for (const id of new Set([...statuses.keys(), ...outlines.keys()])) {
    await giveWay()
    const status = statuses.get(id)
    const device: DeviceOutline = outlineDevice(id, status, outlines.get(id))
    if (caller.sees(device) && isWanted(device)) chosen.push({ place: placeIn(order, device), status })
  }
  const way = reverse ? -1 : 1
  return chosen.toSorted((one, other) => way * comparePlaces(one.place, other.place))
}

/** The part of a list that a call asks for, and whether there is more after it. */
function pageOf(
  chosen: readonly Chosen[],
  { after, query }: { readonly after: Place | undefined; readonly query: DeviceListQuery },
): { readonly page: readonly Chosen[]; readonly more: boolean } {
  const way = orderOf(query).reverse ? -1 : 1
  const rest = after === undefined ? chosen : chosen.filter(({ place }) => way * comparePlaces(place, after) > 0)
  const { limit = rest.length } = query
  return { page: rest.slice(0, limit), more: rest.length > limit }
}

async function describeAll({ enrolments }: HttpServices, page: readonly Chosen[]): Promise<DeviceView[]> {
  const views = await enrolments.list(page.map(({ place: { id } }) => id))
  const found = new Map(views.map((view) => [view.deviceId, view]))
  const giveWay = createGiveWay()
  const devices: DeviceView[] = []
  for (const { place, status } of page) {
    await giveWay()
    devices.push(describeDevice(place.id, found.get(place.id), status))
  }
  return devices
}

function answerWrong(c: Context<ApiEnv>, parameter: string, detail: string) {
  return answerProblem(c, 'invalid-request', {
    message: `#/${parameter}: ${detail}`,
    hint: 'see /openapi.json',
    errors: [{ pointer: `#/${parameter}`, detail }],
  })
}

/** The path of this very call with another cursor. */
function pathOf(c: Context<ApiEnv>, cursor: string): string {
  const { pathname, searchParams } = new URL(c.req.url)
  searchParams.set('cursor', cursor)
  return `${pathname}?${searchParams.toString()}`
}
