import { z } from '@hono/zod-openapi'
import type { HeldClientSession } from '../../../../rpc/client-sessions.js'

const time = z.iso.datetime()

/** A session that a client has opened over HTTP. */
export const deviceSessionSchema = z
  .object({
    id: z.string().openapi({ description: 'stands in the paths of what is sent on it' }),
    device: z.string(),
    sessionId: z.int().openapi({ description: "the device's own number for it" }),
    capabilities: z.array(z.string()),
    openedAt: time,
    idleAt: time.openapi({ description: 'when it is closed unless something is sent on it before' }),
    endsAt: time.openapi({ description: 'when it is closed in any case' }),
  })
  .openapi('DeviceSession')

export function describeDeviceSession(session: HeldClientSession): z.infer<typeof deviceSessionSchema> {
  const { id, deviceId, sessionId, capabilities, openedAt, idleAt, endsAt } = session
  return {
    id,
    device: deviceId,
    sessionId,
    capabilities: [...capabilities],
    openedAt: openedAt.toISOString(),
    idleAt: idleAt.toISOString(),
    endsAt: endsAt.toISOString(),
  }
}
