import { z } from '@hono/zod-openapi'
import { NMDA_COMPARE_NS } from '../netconf/xml/namespaces.js'
import { FILTER_OPTIONS } from './command.js'
import { reads } from './datastore-use.js'
import { defineOperation } from './define-operation.js'
import { elementsWith, moduleNeed, nmdaDatastore, nmdaDatastoreSchema, nmdaFilter } from './nmda.js'
import { filterSchema, given } from './parameters.js'
import { warmSession } from './session-policy.js'

const cmp = elementsWith('cmp', NMDA_COMPARE_NS)

/** RFC 9144 §4. */
export const compare = defineOperation({
  name: 'compare',
  namespace: NMDA_COMPARE_NS,
  summary: 'In what two datastores of NMDA differ (RFC 9144)',
  description:
    'The device answers with a YANG patch (RFC 8072) that makes `source` equal to `target`, or with `no-matches`.',
  body: z.strictObject({
    source: nmdaDatastoreSchema.openapi({ example: 'running' }),
    target: nmdaDatastoreSchema.openapi({ example: 'candidate' }),
    filter: filterSchema.optional(),
    all: z
      .boolean()
      .optional()
      .openapi({ description: 'also what one of the two datastores cannot hold, such as state' }),
    'report-origin': z.boolean().optional().openapi({ description: 'with the origin of values of `operational`' }),
  }),
  example: { source: 'running', target: 'candidate' },
  bodyLimit: 'request',
  queueable: true,
  session: () => warmSession,
  permission: [reads('source', 'identity'), reads('target', 'identity')],
  needs: moduleNeed('ietf-nmda-compare', NMDA_COMPARE_NS),
  command: {
    description: 'in what two datastores of a device differ, as a YANG patch (RFC 9144)',
    options: [
      {
        flags: '--source <datastore>',
        help: 'what the patch is for',
        parameter: 'source',
        as: 'text',
        default: 'running',
      },
      {
        flags: '--target <datastore>',
        help: 'what the patch makes of it',
        parameter: 'target',
        as: 'text',
        default: 'candidate',
      },
      ...FILTER_OPTIONS,
      { flags: '--all', help: 'also what one of the two cannot hold', parameter: 'all', as: 'flag' },
      { flags: '--report-origin', help: 'with the origin of values', parameter: 'report-origin', as: 'flag' },
    ],
  },
  build: ({ source, target, filter, all, 'report-origin': reportOrigin }) =>
    cmp(
      'compare',
      given(
        nmdaDatastore(cmp, 'source', source),
        nmdaDatastore(cmp, 'target', target),
        all === true ? cmp('all') : undefined,
        reportOrigin === true ? cmp('report-origin') : undefined,
        nmdaFilter(cmp, filter),
      ),
    ),
})
