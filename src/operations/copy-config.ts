import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { reads, writes } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import {
  datastore,
  datastoreSchema,
  given,
  source,
  sourceSchema,
  withDefaults,
  withDefaultsSchema,
} from './parameters.js'
import { ownSession } from './session-policy.js'

/** RFC 6241 §7.3. */
export const copyConfig = defineOperation({
  name: 'copy-config',
  namespace: NETCONF_NS,
  summary: 'Replaces a whole configuration by another',
  body: z.strictObject({
    target: datastoreSchema,
    source: sourceSchema,
    'with-defaults': withDefaultsSchema.optional(),
  }),
  example: { source: 'running', target: 'candidate' },
  bodyLimit: 'request',
  queueable: true,
  session: () => ownSession,
  permission: [writes('target'), reads('source')],
  command: {
    description: 'replace a whole configuration of a device by another',
    options: [
      {
        flags: '--source <datastore>',
        help: 'a datastore, or a URL where the device has :url',
        parameter: 'source',
        as: 'datastore',
        required: true,
      },
      {
        flags: '--target <datastore>',
        help: 'a datastore, or a URL',
        parameter: 'target',
        as: 'datastore',
        required: true,
      },
    ],
  },
  build: ({ target, source: from, 'with-defaults': mode }) =>
    element(NETCONF_NS, 'copy-config', given(datastore('target', target), source(from), withDefaults(mode))),
})
