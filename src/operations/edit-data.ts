import { z } from '@hono/zod-openapi'
import { NMDA_NS } from '../netconf/xml/namespaces.js'
import { writes } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { exampleEdit } from './edit-config.js'
import { contentOf, elementsWith, moduleNeed, nmdaDatastore, nmdaDatastoreSchema } from './nmda.js'
import { defaultOperationSchema, given, textSchema } from './parameters.js'
import { elementsOfPayload, InvalidField, payloadSchema } from './payload.js'
import { ownSession } from './session-policy.js'

const nmda = elementsWith('nmda', NMDA_NS)

/** RFC 8526 §3.1.2. */
export const editData = defineOperation({
  name: 'edit-data',
  namespace: NMDA_NS,
  summary: 'Changes a datastore of NMDA that can be written (RFC 8526)',
  body: z.strictObject({
    datastore: nmdaDatastoreSchema.openapi({ example: 'candidate' }),
    config: payloadSchema.optional(),
    url: textSchema.optional().openapi({ description: 'instead of `config`, where the device has `:url`' }),
    'default-operation': defaultOperationSchema.optional(),
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
    argument: {
      flags: '[file]',
      help: 'what goes into <config>, as XML (default: standard input)',
      parameter: 'config',
      as: 'file',
    },
    options: [
      {
        flags: '--datastore <name>',
        help: 'candidate, running, or another one that can be written',
        parameter: 'datastore',
        as: 'text',
        required: true,
      },
      {
        flags: '--default-operation <word>',
        help: 'what is done where the edit does not say',
        parameter: 'default-operation',
        as: 'words',
        choices: defaultOperationSchema.options,
      },
    ],
  },
  build: ({ datastore, config, url, 'default-operation': defaultOperation }) => {
    if ((config === undefined) === (url === undefined))
      throw new InvalidField(['config'], 'give `config`, or `url` instead')
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
