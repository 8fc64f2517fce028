import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element } from '../../../../netconf/xml/xml-tree.js'
import type { Api, Ports } from '../../api.js'
import { source, sourceSchema } from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export function registerValidate(api: Api, ports: Ports): void {
  registerOperation(api, ports, {
    name: 'validate',
    summary: 'Checks a configuration; `candidate` unless another source is given',
    bodyOptional: true,
    parameters: z.strictObject({ source: sourceSchema.default('candidate') }),
    example: { source: 'candidate' },
    build: ({ source: from }) => element(NETCONF_NS, 'validate', [source(from)]),
  })
}
