import { z } from '@hono/zod-openapi'
import { NMDA_NS, ORIGIN_NS } from '../netconf/xml/namespaces.js'
import { FILTER_OPTIONS, withDefaultsOption } from './command.js'
import { reads } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { elementsWith, moduleNeed, nmdaDatastore, nmdaDatastoreSchema, nmdaFilter } from './nmda.js'
import { filterSchema, given, withDefaultsSchema } from './parameters.js'
import { InvalidField } from './payload.js'
import { warmSession } from './session-policy.js'

const nmda = elementsWith('nmda', NMDA_NS)

/** Where a value comes from: an identity of ietf-origin. */
const originsSchema = z.array(z.string().regex(/^[A-Za-z_][\w.-]*$/, 'is no name of an origin')).max(100)

/** RFC 8526 §3.1.1. */
export const getData = defineOperation({
  name: 'get-data',
  namespace: NMDA_NS,
  summary: 'What a datastore of NMDA holds (RFC 8526)',
  description:
    '`operational` has configuration and state as they are in use, ' +
    'with the origin of each value where that is asked for.',
  body: z.strictObject({
    datastore: nmdaDatastoreSchema,
    filter: filterSchema.optional(),
    'config-filter': z
      .boolean()
      .optional()
      .openapi({ description: 'configuration alone (`true`), or state alone (`false`)' }),
    'origin-filter': originsSchema.optional().openapi({
      description: 'values from these origins alone: `intended`, `learned`, `system`',
      example: ['system'],
    }),
    'negated-origin-filter': originsSchema
      .optional()
      .openapi({ description: 'values from other origins alone; not beside `origin-filter`' }),
    'max-depth': z
      .union([z.int().min(1).max(65_535), z.literal('unbounded')])
      .optional()
      .openapi({ description: 'levels of nodes below the root' }),
    'with-origin': z.boolean().optional().openapi({ description: 'with the origin of each value, as an attribute' }),
    'with-defaults': withDefaultsSchema.optional(),
  }),
  example: { datastore: 'operational' },
  bodyLimit: 'request',
  queueable: true,
  session: () => warmSession,
  permission: [reads('datastore', 'identity')],
  needs: moduleNeed('ietf-netconf-nmda', NMDA_NS),
  command: {
    description: 'what a datastore of a device holds: operational, intended, running and so on (RFC 8526)',
    options: [
      {
        flags: '--datastore <name>',
        help: 'of RFC 8342',
        parameter: 'datastore',
        as: 'text',
        default: 'operational',
      },
      ...FILTER_OPTIONS,
      {
        flags: '--config-filter <word>',
        help: 'true for configuration alone, false for state alone',
        parameter: 'config-filter',
        as: 'boolean',
      },
      {
        flags: '--origin-filter <origin>',
        help: 'values of this origin alone; may be repeated',
        parameter: 'origin-filter',
        as: 'list',
      },
      {
        flags: '--negated-origin-filter <origin>',
        help: 'values of other origins alone; may be repeated',
        parameter: 'negated-origin-filter',
        as: 'list',
      },
      {
        flags: '--max-depth <levels>',
        help: 'of nodes below the root',
        parameter: 'max-depth',
        as: 'number',
      },
      { flags: '--with-origin', help: 'with the origin of each value', parameter: 'with-origin', as: 'flag' },
      withDefaultsOption,
    ],
  },
  build: (asked) => {
    if (asked['origin-filter'] !== undefined && asked['negated-origin-filter'] !== undefined)
      throw new InvalidField(['negated-origin-filter'], 'is not given beside `origin-filter`')
    const leaf = (name: 'config-filter' | 'max-depth' | 'with-defaults') =>
      asked[name] === undefined ? undefined : nmda(name, String(asked[name]))
    const origins = (name: 'origin-filter' | 'negated-origin-filter') =>
      (asked[name] ?? []).map((origin) => nmda(name, `or:${origin}`, { or: ORIGIN_NS }))
    return nmda(
      'get-data',
      given(
        nmdaDatastore(nmda, 'datastore', asked.datastore),
        nmdaFilter(nmda, asked.filter),
        leaf('config-filter'),
        ...origins('origin-filter'),
        ...origins('negated-origin-filter'),
        leaf('max-depth'),
        asked['with-origin'] === true ? nmda('with-origin') : undefined,
        leaf('with-defaults'),
      ),
    )
  },
})
