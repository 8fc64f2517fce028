import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { concerns } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { datastore, datastoreSchema } from './parameters.js'
import { lockSession } from './session-policy.js'

/** RFC 6241 §7.6. It has no command: there is no lock without a session. */
export const unlock = defineOperation({
  name: 'unlock',
  namespace: NETCONF_NS,
  summary: 'Unlocks a configuration, on the session that locked it',
  body: z.strictObject({ target: datastoreSchema }),
  example: { target: 'candidate' },
  bodyLimit: 'short',
  queueable: false,
  session: () => lockSession,
  permission: [concerns('target')],
  note: 'only [on a session](#sessions)',
  build: ({ target }) => element(NETCONF_NS, 'unlock', [datastore('target', target)]),
})
