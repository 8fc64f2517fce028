import { z } from '@hono/zod-openapi'
import { CAPABILITY } from '../netconf/capabilities.js'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { childOf, element, type XmlElement } from '../netconf/xml/xml-tree.js'
import { defineOperation } from './define-operation.js'
import { given, leaf, textSchema } from './parameters.js'
import { explicitSession, ownSession, type SessionPolicy } from './session-policy.js'

/** RFC 6241 §8.4.4.1. */
export const cancelCommit = defineOperation({
  name: 'cancel-commit',
  namespace: NETCONF_NS,
  summary: 'Takes back a confirmed commit that nobody has confirmed yet',
  body: z.strictObject({
    'persist-id': textSchema
      .optional()
      .openapi({ description: 'the name that the commit was given as `persist`; required, but on its own session' }),
  }),
  bodyOptional: true,
  example: { 'persist-id': 'change-4711' },
  bodyLimit: 'short',
  queueable: true,
  session: sessionOf,
  permission: [],
  needs: { name: 'the capability :confirmed-commit:1.1', anyOf: [CAPABILITY.confirmedCommit11] },
  note: 'left out only [on the session](#sessions) of the commit',
  command: {
    description: 'take back a confirmed commit of a device that is not confirmed yet',
    options: [
      {
        flags: '--persist-id <name>',
        help: 'that the commit was given with --persist',
        parameter: 'persist-id',
        as: 'text',
        required: true,
      },
    ],
  },
  build: ({ 'persist-id': persistId }) => element(NETCONF_NS, 'cancel-commit', given(leaf('persist-id', persistId))),
})

function sessionOf(operation: XmlElement): SessionPolicy {
  if (childOf(operation, NETCONF_NS, 'persist-id') !== undefined) return ownSession
  return explicitSession(
    'without `persist-id` only the session of the commit can take it back, and this call would be one of its own',
    'give `persist-id` the name that the commit was given, or send it on the session of the commit',
  )
}
