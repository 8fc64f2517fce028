import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { FILTER_OPTIONS, withDefaultsOption } from './command.js'
import { reads } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import {
  datastore,
  datastoreSchema,
  filterOf,
  filterSchema,
  given,
  withDefaults,
  withDefaultsSchema,
} from './parameters.js'
import { warmSession } from './session-policy.js'

/** RFC 6241 §7.1. */
export const getConfig = defineOperation({
  name: 'get-config',
  namespace: NETCONF_NS,
  summary: 'A configuration; `running` unless another source is given',
  body: z.strictObject({
    source: datastoreSchema.default('running'),
    filter: filterSchema.optional(),
    'with-defaults': withDefaultsSchema.optional(),
  }),
  bodyOptional: true,
  example: { source: 'running' },
  bodyLimit: 'request',
  queueable: true,
  session: () => warmSession,
  permission: [reads('source')],
  command: {
    description: 'a configuration of a device',
    options: [
      ...FILTER_OPTIONS,
      withDefaultsOption,
      {
        flags: '--source <datastore>',
        help: 'running, candidate or startup',
        parameter: 'source',
        as: 'text',
        default: 'running',
      },
    ],
  },
  build: ({ source, filter, 'with-defaults': mode }) =>
    element(NETCONF_NS, 'get-config', given(datastore('source', source), filterOf(filter), withDefaults(mode))),
})
