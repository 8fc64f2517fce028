import { z } from '@hono/zod-openapi'
import { MONITORING_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { textSchema } from '../../rpc/parameters.js'
import { registerOperation, replyContent } from './operation-route.js'

export function registerGetSchema(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'get-schema',
    summary: 'The text of a module (RFC 6022); the reply itself where XML or JSON is asked for',
    parameters: z.strictObject({
      identifier: textSchema,
      version: textSchema.optional(),
      format: z.enum(['yang', 'yin', 'xsd', 'rng', 'rnc']).optional(),
    }),
    example: { identifier: 'ietf-netconf-monitoring' },
    build: (asked) =>
      element(
        MONITORING_NS,
        'get-schema',
        Object.entries(asked).map(([name, value]) => element(MONITORING_NS, name, value)),
      ),
    format: 'schema',
    content: { 'application/yang': { schema: z.string() }, ...replyContent },
  })
}
