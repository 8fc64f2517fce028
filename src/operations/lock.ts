import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { concerns } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { datastore, datastoreSchema } from './parameters.js'
import { lockSession } from './session-policy.js'

/** RFC 6241 §7.5. It has no command: the lock would end with the call. */
export const lock = defineOperation({
  name: 'lock',
  namespace: NETCONF_NS,
  summary: 'Locks a configuration, on a session that the client has opened',
  body: z.strictObject({ target: datastoreSchema }),
  example: { target: 'candidate' },
  bodyLimit: 'short',
  queueable: false,
  session: () => lockSession,
  permission: [concerns('target')],
  note: 'only [on a session](#sessions)',
  build: ({ target }) => element(NETCONF_NS, 'lock', [datastore('target', target)]),
})
