import { z } from '@hono/zod-openapi'
import { operation } from '../../../../netconf/rpc.js'
import type { Api, HttpServices } from '../../api.js'
import { registerOperation } from './operation-route.js'

export function registerKillNetconfSession(api: Api, services: HttpServices): void {
  registerOperation(api, services, {
    name: 'kill-session',
    summary: "Ends another NETCONF session on the device, by the device's number for it",
    parameters: z.strictObject({ 'session-id': z.int().min(1).max(4_294_967_295) }),
    example: { 'session-id': 7 },
    build: ({ 'session-id': sessionId }) => operation.killSession(sessionId),
  })
}
