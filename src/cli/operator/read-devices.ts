/* oxlint-disable unicorn/no-null -- what is not there is null in JSON */
import { z } from '@hono/zod-openapi'
import { type DeviceView, deviceSchema } from '../../northbound/http/routes/devices/device.js'
import { askBridge } from './bridge-client.js'
import { optionalPair } from './device-filters.js'
import type { BridgeLocation } from './find-bridge.js'
import type { CommandFailure } from '../command-failure.js'
import { parsedJson } from './parsed-json.js'

const { shape } = deviceSchema
const { linkState, link, lastRefusal } = shape

const anyLink = link.unwrap().extend({
  number: z.int().optional(),
  provenBy: link.unwrap().shape.provenBy.optional(),
  certificateValidUntil: z.string().nullable().default(null),
  loggedInBy: z.array(z.string()).default([]),
  account: z.string().nullable().default(null),
  keyExchange: link.unwrap().shape.keyExchange.default(null),
  algorithms: link.unwrap().shape.algorithms.default(null),
})

/** A device as this version's bridge shows it, or as one before it did, which does not tell as much. */
const anyDevice = deviceSchema.extend({
  linkState: linkState.optional(),
  vendor: shape.vendor.default(null),
  lastRefusal: lastRefusal
    .unwrap()
    .extend({ hint: z.string().nullable().default(null) })
    .nullable(),
  link: anyLink.nullable(),
  links: z.array(anyLink).optional(),
  node: shape.node.default(null),
})

/** What is shown of a device. */
export type ShownDevice = Omit<z.output<typeof anyDevice>, 'linkState' | 'links'> &
  Pick<DeviceView, 'linkState'> & { readonly links: readonly ShownLink[] }

export type ShownLink = z.output<typeof anyLink>

/** Reads a device that a bridge answers with. Throws where it is none. */
export function readDevice(answer: unknown): ShownDevice {
  const device = anyDevice.parse(answer)
  const { link, links = link === null ? [] : [link] } = device
  return { ...device, links, linkState: device.linkState ?? guessedState(device) }
}

function guessedState({ link, standing, lastSeen }: z.output<typeof anyDevice>): DeviceView['linkState'] {
  const untold = { since: null, reason: null, message: null, hint: null }
  if (link !== null) return { ...untold, state: 'attached', since: link.attachedAt }
  if (standing === 'pending') return { ...untold, state: 'pending' }
  return lastSeen === null ? { ...untold, state: 'never' } : { ...untold, state: 'away', since: lastSeen }
}

/** The same of a list of them. */
export function readDevices(answer: unknown): readonly ShownDevice[] {
  return pageSchema.parse(answer).devices.map(readDevice)
}

const pageSchema = z.object({
  devices: z.array(z.unknown()),
  total: z.int().optional(),
  next: z.string().nullable().optional(),
})

/** Devices as they came. */
export type DevicesAnswer =
  | { readonly ok: true; readonly devices: readonly unknown[] }
  | { readonly ok: false; readonly problem: CommandFailure; readonly text?: string }

/** Devices in an answer: the bridge sends the next ones once these have come. */
const PAGE = '1000'

/** Asks a bridge for all devices that a query leaves, page by page. */
export async function askForDevices(location: BridgeLocation, query: URLSearchParams): Promise<DevicesAnswer> {
  const devices: unknown[] = []
  const filtered = query.size > 0
  for (let cursor: string | undefined; ; ) {
    const asked = new URLSearchParams([...query, ['limit', PAGE], ...optionalPair('cursor', cursor)])
    const answer = await askBridge(location, { method: 'GET', path: `/api/v1/devices?${asked.toString()}` })
    if (!answer.ok) return answer
    const page = pageSchema.safeParse(parsedJson(answer.text))
    if (!page.success) return { ok: false, problem: NOT_UNDERSTOOD }
    const { total, next } = page.data
    if (filtered && total === undefined) return { ok: false, problem: DOES_NOT_FILTER }
    for (const device of page.data.devices) devices.push(device)
    if (next === undefined || next === null) return { ok: true, devices }
    cursor = next
  }
}

export const NOT_UNDERSTOOD: CommandFailure = {
  message: 'the bridge answers what this command does not understand',
  hint: 'are the command and the bridge of one version, and is it a bridge that answers there?',
  status: 1,
}

const DOES_NOT_FILTER: CommandFailure = {
  message: 'the bridge is of an earlier version, which shows all devices or none',
  hint: 'leave filters and order away, or upgrade the bridge',
  status: 1,
}
