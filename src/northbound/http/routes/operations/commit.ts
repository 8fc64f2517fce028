import { z } from '@hono/zod-openapi'
import { NETCONF_NS } from '../../../../netconf/xml/namespaces.js'
import { element, type XmlElement } from '../../../../netconf/xml/xml-tree.js'
import type { Api, HttpServices } from '../../api.js'
import { given, leaf, textSchema } from '../../rpc/parameters.js'
import { registerOperation } from './operation-route.js'

export const commitSchema = z.strictObject({
  confirmed: z.boolean().optional().openapi({ description: 'rolled back unless another commit confirms it in time' }),
  'confirm-timeout': z.int().min(1).max(4_294_967_295).optional().openapi({ description: 'seconds; 600 unless given' }),
  persist: textSchema.optional().openapi({ description: 'a name, by which another session may confirm it' }),
  'persist-id': textSchema
    .optional()
    .openapi({ description: 'the name of the confirmed commit that this one confirms' }),
})

export function buildCommit(parameters: z.output<typeof commitSchema>): XmlElement {
  return element(
    NETCONF_NS,
    'commit',
    given(
      parameters.confirmed === true ? element(NETCONF_NS, 'confirmed') : undefined,
      leaf('confirm-timeout', parameters['confirm-timeout']),
      leaf('persist', parameters.persist),
      leaf('persist-id', parameters['persist-id']),
    ),
  )
}

export function registerCommit(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'commit',
    summary: 'Makes `candidate` the running configuration',
    bodyOptional: true,
    parameters: commitSchema,
    example: {},
    build: buildCommit,
  })
}
