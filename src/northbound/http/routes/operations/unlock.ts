import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { datastore, datastoreSchema } from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerUnlock(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'unlock',
    summary: 'Unlocks a configuration, on the session that locked it',
    parameters: z.strictObject({ target: datastoreSchema }),
    example: { target: 'candidate' },
    build: ({ target }) => element(NETCONF_NS, 'unlock', [datastore('target', target)]),
  })
}
