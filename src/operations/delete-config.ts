import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { writes } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { datastore, datastoreSchema } from './parameters.js'
import { ownSession } from './session-policy.js'

/** RFC 6241 §7.4. */
export const deleteConfig = defineOperation({
  name: 'delete-config',
  namespace: NETCONF_NS,
  summary: 'Deletes a configuration other than `running`',
  body: z.strictObject({ target: datastoreSchema }),
  example: { target: 'candidate' },
  bodyLimit: 'short',
  queueable: true,
  session: () => ownSession,
  permission: [writes('target')],
  command: {
    description: 'delete a configuration of a device',
    options: [
      {
        flags: '--target <datastore>',
        help: 'startup, or a URL',
        parameter: 'target',
        as: 'datastore',
        required: true,
      },
    ],
  },
  build: ({ target }) => element(NETCONF_NS, 'delete-config', [datastore('target', target)]),
})
