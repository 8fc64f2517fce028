import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { source, sourceSchema } from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerValidate(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'validate',
    summary: 'Checks a configuration; `candidate` unless another source is given',
    bodyOptional: true,
    parameters: z.strictObject({ source: sourceSchema.default('candidate') }),
    example: { source: 'candidate' },
    build: ({ source: from }) => element(NETCONF_NS, 'validate', [source(from)]),
  })
}
