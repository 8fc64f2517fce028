import { createRoute, z } from '@hono/zod-openapi'
import type { Api, HttpServices } from '../../api.js'
import { needs } from '../../middleware/require-scope.js'

export const nodeSchema = z
  .object({
    id: z.string().openapi({ example: 'a' }),
    incarnation: z.int().openapi({ description: 'grows with each start of the node' }),
    state: z.enum(['up', 'draining']).openapi({ description: '`draining`: it is stopping' }),
    address: z.string().openapi({ description: 'where the other nodes dial it', example: '10.0.0.1:4350' }),
    version: z.string(),
    seen: z.iso.datetime().openapi({ description: 'when the database heard of it last' }),
    devices: z.int().openapi({ description: 'that it has, as far as the node that answers has heard' }),
    reached: z
      .boolean()
      .openapi({ description: 'whether the node that answers has a connection with it; it reaches itself' }),
    self: z.boolean().openapi({ description: 'whether it is the node that answers' }),
  })
  .openapi('Node')

export const nodeListSchema = z.object({ nodes: z.array(nodeSchema) }).openapi('NodeList')

const route = createRoute({
  method: 'get',
  path: '/api/v1/nodes',
  ...needs('admin'),
  operationId: 'listNodes',
  description:
    'The nodes of a cluster as the one that answers sees them: the database says who there is, and a connection who ' +
    'is reached. Nobody is ever marked as dead: see when a node was seen. They are shown to callers who administer ' +
    'every device.',
  tags: ['bridge'],
  summary: 'The bridges that are one together; none where this one is alone',
  responses: {
    200: { description: 'the one that answers first', content: { 'application/json': { schema: nodeListSchema } } },
  },
})

export function registerListNodes(api: Api, { nodes }: HttpServices): void {
  api.openapi(route, (c) => {
    const shown = c.var.caller.mayEverywhere('admin') ? nodes() : []
    return c.json({ nodes: shown.map(({ seen, ...node }) => ({ ...node, seen: seen.toISOString() })) }, 200)
  })
}
