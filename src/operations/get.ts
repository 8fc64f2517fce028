import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { FILTER_OPTIONS, withDefaultsOption } from './command.js'
import { defineOperation } from './define-operation.js'
import { filterOf, filterSchema, given, withDefaults, withDefaultsSchema } from './parameters.js'
import { warmSession } from './session-policy.js'

/** RFC 6241 §7.7. */
export const get = defineOperation({
  name: 'get',
  namespace: NETCONF_NS,
  summary: 'Configuration and state',
  body: z.strictObject({ filter: filterSchema.optional(), 'with-defaults': withDefaultsSchema.optional() }),
  bodyOptional: true,
  example: {},
  bodyLimit: 'request',
  queueable: true,
  session: () => warmSession,
  permission: [],
  command: {
    description: 'configuration and state of a device',
    options: [...FILTER_OPTIONS, withDefaultsOption],
  },
  build: ({ filter, 'with-defaults': mode }) => element(NETCONF_NS, 'get', given(filterOf(filter), withDefaults(mode))),
})
