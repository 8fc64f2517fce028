import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { datastore, datastoreSchema } from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerDeleteConfig(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'delete-config',
    summary: 'Deletes a configuration other than `running`',
    parameters: z.strictObject({ target: datastoreSchema }),
    example: { target: 'startup' },
    build: ({ target }) => element(NETCONF_NS, 'delete-config', [datastore('target', target)]),
  })
}
