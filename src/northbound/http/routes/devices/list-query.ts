import { z } from '@hono/zod-openapi'
import { MAX_SELECTOR } from '../../../../access/authz/device-selection.js'
import type { Standing } from '../../../../fleet/enrolment/enrolment.js'
import { LINK_STATES } from '../../../../fleet/link-state.js'
import { DEVICE_FORMATS } from './formats/device-formats.js'
import { DEVICE_ORDERS, type DeviceFilter, type DeviceOrder } from './select-devices.js'

export const STANDINGS = ['configured', 'approved', 'pending', 'rejected'] as const satisfies readonly Standing[]

/** Parameters of one name in a call. */
const MOST_OF_A_NAME = 50

const given = z.string().min(1, 'is empty').max(MAX_SELECTOR, `has more than ${MAX_SELECTOR} characters`)

/** A parameter that may be given several times. */
function several(description: string) {
  return z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(given).max(MOST_OF_A_NAME).optional())
    .openapi({ type: 'array', items: { type: 'string', maxLength: MAX_SELECTOR }, description })
}

/** One or more of some words, by commas. */
function anyOf<Word extends string>(words: readonly Word[], what: string) {
  const isWord = (text: string): text is Word => (words as readonly string[]).includes(text)
  return z
    .string()
    .transform((text, context): readonly Word[] => {
      const parts = text.split(',')
      if (parts.every(isWord)) return parts
      context.addIssue({ code: 'custom', message: `expected one or more of ${words.join(', ')}, by commas` })
      return z.NEVER
    })
    .optional()
    .openapi({
      type: 'string',
      description: `${what}: one or more of ${words.join(', ')}, by commas`,
    })
}

const orders = DEVICE_ORDERS.flatMap((order) => [order, `-${order}`] as const)

/** What may be asked of the list of devices. A parameter that there is not is refused: a filter must not be lost. */
export const deviceListQuery = z.strictObject({
  standing: anyOf(STANDINGS, 'devices of these standings'),
  link: anyOf(LINK_STATES, 'devices in these link states'),
  label: several('devices that have this label, `name=value`, or `name` with any value; of several, all'),
  selector: several('devices that this selects, as in a role: `edge-*`, `site=tok*`; of several, any'),
  q: given.optional().openapi({
    description: 'devices with this text in their id, a label or an address, without regard to case',
  }),
  sort: z.enum(orders).default('id').openapi({ description: 'the order; with `-` in front, the other way round' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .openapi({ description: 'devices on a page; without it all devices are on one' }),
  cursor: z.string().min(1, 'is empty').optional().openapi({
    description: 'the `next` of an earlier answer, with the same filters and order',
  }),
  format: z
    .enum(DEVICE_FORMATS)
    .default('json')
    .openapi({
      description:
        'an inventory for other tools instead: `ansible` (JSON of a dynamic inventory), `prometheus-sd` (JSON of ' +
        'http_sd), and as text `ssh-config`, `hosts` and `zone`; devices that are pending or rejected are left out',
    }),
  bridge: z
    .string()
    .max(255)
    .regex(/^[A-Za-z0-9._:-]+$/, 'expected a host name or an address')
    .optional()
    .openapi({
      description: 'of an inventory: the name by which clients reach the bridge (default: that of this call)',
    }),
  port: z.coerce.number().int().min(1).max(65_535).optional().openapi({
    description:
      'of an inventory: the port where clients reach all devices (default: the one that the bridge listens on)',
  }),
  user: z
    .string()
    .max(255)
    .regex(/^[^\p{C}@]+$/u, 'expected the name of a user')
    .optional()
    .openapi({ description: 'of an inventory for Ansible: the user of the bridge who logs in (default: the caller)' }),
})

export type DeviceListQuery = z.output<typeof deviceListQuery>

/** The order that a call asks for, and whether it is the other way round. */
export function orderOf({ sort }: Pick<DeviceListQuery, 'sort'>): {
  readonly order: DeviceOrder
  readonly reverse: boolean
} {
  const reverse = sort.startsWith('-')
  return { order: (reverse ? sort.slice(1) : sort) as DeviceOrder, reverse }
}

/** Which devices a call asks for. */
export function filterOf({ standing, link, label, selector, q }: DeviceListQuery): DeviceFilter {
  return {
    ...(standing === undefined ? {} : { standings: standing }),
    ...(link === undefined ? {} : { links: link }),
    ...(label === undefined ? {} : { labels: label }),
    ...(selector === undefined ? {} : { selectors: selector }),
    ...(q === undefined ? {} : { text: q }),
  }
}
