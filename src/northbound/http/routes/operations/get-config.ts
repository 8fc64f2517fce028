import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import {
  datastore,
  datastoreSchema,
  filterOf,
  filterSchema,
  given,
  withDefaults,
  withDefaultsSchema,
} from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerGetConfig(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'get-config',
    summary: 'A configuration; `running` unless another source is given',
    bodyOptional: true,
    parameters: z.strictObject({
      source: datastoreSchema.default('running'),
      filter: filterSchema.optional(),
      'with-defaults': withDefaultsSchema.optional(),
    }),
    example: { source: 'running' },
    build: ({ source, filter, 'with-defaults': mode }) =>
      element(NETCONF_NS, 'get-config', given(datastore('source', source), filterOf(filter), withDefaults(mode))),
  })
}
