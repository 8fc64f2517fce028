import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { filterOf, filterSchema, given, withDefaults, withDefaultsSchema } from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerGet(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'get',
    summary: 'Configuration and state',
    bodyOptional: true,
    parameters: z.strictObject({ filter: filterSchema.optional(), 'with-defaults': withDefaultsSchema.optional() }),
    example: {},
    build: ({ filter, 'with-defaults': mode }) =>
      element(NETCONF_NS, 'get', given(filterOf(filter), withDefaults(mode))),
  })
}
