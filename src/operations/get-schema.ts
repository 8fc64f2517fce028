import { z } from '@hono/zod-openapi'
import { MONITORING_NS } from '../netconf/xml/namespaces.js'
import { element } from '../netconf/xml/xml-tree.js'
import { defineOperation } from './define-operation.js'
import { textSchema } from './parameters.js'
import { warmSession } from './session-policy.js'

/** RFC 6022 §3.1. */
export const getSchema = defineOperation({
  name: 'get-schema',
  namespace: MONITORING_NS,
  summary: 'The text of a module (RFC 6022); the reply itself where XML or JSON is asked for',
  body: z.strictObject({
    identifier: textSchema,
    version: textSchema.optional(),
    format: z.enum(['yang', 'yin', 'xsd', 'rng', 'rnc']).optional(),
  }),
  example: { identifier: 'simulated-device' },
  bodyLimit: 'short',
  queueable: true,
  session: () => warmSession,
  permission: [],
  reply: 'schema',
  command: {
    description: 'the text of a YANG module of a device',
    argument: { flags: '<name>', help: 'of the module', parameter: 'identifier', as: 'text' },
    options: [{ flags: '--revision <date>', parameter: 'version', as: 'text' }],
  },
  build: (asked) =>
    element(
      MONITORING_NS,
      'get-schema',
      Object.entries(asked).map(([name, value]) => element(MONITORING_NS, name, value)),
    ),
})
