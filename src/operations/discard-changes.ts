import { z } from '@hono/zod-openapi'
import { operation } from '../netconf/rpc.js'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { defineOperation } from './define-operation.js'
import { ownSession } from './session-policy.js'

/** RFC 6241 §8.3.4.2. */
export const discardChanges = defineOperation({
  name: 'discard-changes',
  namespace: NETCONF_NS,
  summary: 'Makes `candidate` what is running',
  body: z.strictObject({}),
  bodyOptional: true,
  example: {},
  bodyLimit: 'short',
  queueable: true,
  session: () => ownSession,
  permission: [],
  command: { description: 'make the candidate configuration of a device equal to the running one' },
  build: () => operation.discardChanges(),
})
