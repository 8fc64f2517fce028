import { z } from '@hono/zod-openapi'
import { NMDA_NS } from '../netconf/xml/namespaces.js'
import { writes } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { configArgument, defaultOperationOption, editSchema, exampleEdit, requireConfigOrUrl } from './edit-config.js'
import { contentOf, elementsWith, moduleNeed, nmdaDatastore, nmdaDatastoreSchema } from './nmda.js'
import { given } from './parameters.js'
import { elementsOfPayload } from './payload.js'
import { ownSession } from './session-policy.js'

const nmda = elementsWith('nmda', NMDA_NS)

/** RFC 8526 §3.1.2. */
export const editData = defineOperation({
  name: 'edit-data',
  namespace: NMDA_NS,
  summary: 'Changes a datastore of NMDA that can be written (RFC 8526)',
  body: z.strictObject({
    datastore: nmdaDatastoreSchema.openapi({ example: 'candidate' }),
    ...editSchema.pick({ config: true, url: true, 'default-operation': true }).shape,
  }),
  example: { datastore: 'candidate', ...exampleEdit },
  bodyLimit: 'request',
  queueable: true,
  session: () => ownSession,
  permission: [writes('datastore', 'identity')],
  needs: moduleNeed('ietf-netconf-nmda', NMDA_NS),
  note: '`config`, or `url` instead',
  command: {
    description: 'change a datastore of a device (RFC 8526)',
    argument: configArgument,
    options: [
      {
        flags: '--datastore <name>',
        help: 'candidate, running, or another one that can be written',
        parameter: 'datastore',
        as: 'text',
        required: true,
      },
      defaultOperationOption,
    ],
  },
  build: ({ datastore, config, url, 'default-operation': defaultOperation }) => {
    requireConfigOrUrl({ config, url })
    return nmda(
      'edit-data',
      given(
        nmdaDatastore(nmda, 'datastore', datastore),
        defaultOperation === undefined ? undefined : nmda('default-operation', defaultOperation),
        config === undefined
          ? undefined
          : nmda('config', contentOf(elementsOfPayload(config, ['config']), { wrapper: 'config', path: ['config'] })),
        url === undefined ? undefined : nmda('url', url),
      ),
    )
  },
})
