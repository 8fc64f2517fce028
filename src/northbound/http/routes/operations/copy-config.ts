import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import {
  datastore,
  datastoreSchema,
  given,
  source,
  sourceSchema,
  withDefaults,
  withDefaultsSchema,
} from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerCopyConfig(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'copy-config',
    summary: 'Replaces a whole configuration by another',
    parameters: z.strictObject({
      target: datastoreSchema,
      source: sourceSchema,
      'with-defaults': withDefaultsSchema.optional(),
    }),
    example: { source: 'running', target: 'startup' },
    build: ({ target, source: from, 'with-defaults': mode }) =>
      element(NETCONF_NS, 'copy-config', given(datastore('target', target), source(from), withDefaults(mode))),
  })
}
