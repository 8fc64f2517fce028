import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { concerns } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { source, sourceSchema } from './parameters.js'
import { ownSession } from './session-policy.js'

/** RFC 6241 §8.6.4.1. */
export const validate = defineOperation({
  name: 'validate',
  namespace: NETCONF_NS,
  summary: 'Checks a configuration; `candidate` unless another source is given',
  body: z.strictObject({ source: sourceSchema.default('candidate') }),
  bodyOptional: true,
  example: { source: 'candidate' },
  bodyLimit: 'request',
  queueable: true,
  session: () => ownSession,
  permission: [concerns('source')],
  command: {
    description: 'let a device check a configuration',
    options: [
      {
        flags: '--source <datastore>',
        help: 'candidate, running, startup, or a URL',
        parameter: 'source',
        as: 'datastore',
        default: 'candidate',
      },
    ],
  },
  build: ({ source: from }) => element(NETCONF_NS, 'validate', [source(from)]),
})
