import { z } from '@hono/zod-openapi'
import type { LiveSession } from '../../../../fleet/live-session.js'
import { keyExchangeSchema } from '../key-exchange-schema.js'
import { describeRequest } from '../../../../fleet/describe-request.js'

/** A session that a client has on a device. */
export const sessionSchema = z
  .object({
    id: z.string().openapi({ description: 'to kill it by', example: 'k3v9x0q2' }),
    device: z.string(),
    link: z.int().openapi({ description: "the number of the device's link that carries it" }),
    user: z.string(),
    source: z.string().openapi({ description: '`address:port` of the client, or `local`' }),
    via: z.enum(['ssh', 'http']),
    request: z.object({ kind: z.string(), name: z.string() }).openapi({
      description: 'what was asked of the device; of a command the first word, of a port of its own (`tcp`) the number',
      example: { kind: 'subsystem', name: 'netconf' },
    }),
    openedAt: z.iso.datetime(),
    keyExchange: keyExchangeSchema
      .nullable()
      .openapi({ description: "of the client's SSH connection; null where it came over HTTP" }),
    bytesFromClient: z.int(),
    bytesFromDevice: z.int(),
  })
  .openapi('Session')

export type SessionView = z.infer<typeof sessionSchema>

/** A session as it may be known outside. */
export function describeSession({
  id,
  deviceId,
  link,
  client,
  request,
  openedAt,
  bytes,
  keyExchange,
}: LiveSession): SessionView {
  const { user, source, via } = client
  return {
    id,
    device: deviceId,
    link,
    user,
    source,
    via,
    request: { kind: request.kind, name: describeRequest(request) },
    openedAt: openedAt.toISOString(),
    // oxlint-disable-next-line unicorn/no-null -- it goes out as JSON
    keyExchange: keyExchange ?? null,
    bytesFromClient: bytes.fromClient,
    bytesFromDevice: bytes.fromDevice,
  }
}
