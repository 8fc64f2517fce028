import { z } from '@hono/zod-openapi'
import type { LiveSession } from '../../../../fleet/live-session.js'
import { describeRequest } from '../../../../fleet/describe-request.js'

/** A session that a client has on a device. */
export const sessionSchema = z
  .object({
    id: z.string().openapi({ description: 'to kill it by', example: 'k3v9x0q2' }),
    device: z.string(),
    user: z.string(),
    source: z.string().openapi({ description: '`address:port` of the client, or `local`' }),
    via: z.enum(['ssh', 'http']),
    request: z.object({ kind: z.string(), name: z.string() }).openapi({
      description: 'what was asked of the device; of a command the first word',
      example: { kind: 'subsystem', name: 'netconf' },
    }),
    openedAt: z.iso.datetime(),
    bytesFromClient: z.int(),
    bytesFromDevice: z.int(),
  })
  .openapi('Session')

export type SessionView = z.infer<typeof sessionSchema>

/** A session as it may be known outside. */
export function describeSession({ id, deviceId, client, request, openedAt, bytes }: LiveSession): SessionView {
  const { user, source, via } = client
  return {
    id,
    device: deviceId,
    user,
    source,
    via,
    request: { kind: request.kind, name: describeRequest(request) },
    openedAt: openedAt.toISOString(),
    bytesFromClient: bytes.fromClient,
    bytesFromDevice: bytes.fromDevice,
  }
}
