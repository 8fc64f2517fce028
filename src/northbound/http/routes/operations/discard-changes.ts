import { z } from '@hono/zod-openapi'
import { operation } from '../../../../netconf/rpc.js'
import type { Api, HttpServices } from '../../api.js'
import { registerOperation } from './operation-route.js'

export function registerDiscardChanges(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'discard-changes',
    summary: 'Makes `candidate` what is running',
    bodyOptional: true,
    parameters: z.strictObject({}),
    example: {},
    build: () => operation.discardChanges(),
  })
}
