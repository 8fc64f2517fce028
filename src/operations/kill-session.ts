import { z } from '@hono/zod-openapi'
import { operation } from '../netconf/rpc.js'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { defineOperation } from './define-operation.js'
import { ownSession } from './session-policy.js'

/** RFC 6241 §7.9. */
export const killSession = defineOperation({
  name: 'kill-session',
  namespace: NETCONF_NS,
  summary: "Ends another NETCONF session on the device, by the device's number for it",
  body: z.strictObject({ 'session-id': z.int().min(1).max(4_294_967_295) }),
  example: { 'session-id': 7 },
  bodyLimit: 'short',
  queueable: true,
  session: () => ownSession,
  permission: [],
  command: {
    description: 'end another NETCONF session on a device',
    argument: { flags: '<session-id>', help: 'as the device numbers it', parameter: 'session-id', as: 'number' },
  },
  build: ({ 'session-id': sessionId }) => operation.killSession(sessionId),
})
