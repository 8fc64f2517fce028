import { z } from '@hono/zod-openapi'

/** A line of the audit log. Which fields are there depends on `event`; a later version may have more. */
export const auditLineSchema = z
  .looseObject({
    time: z.iso.datetime(),
    event: z.string().openapi({
      description:
        '`session-opened`, `session-refused`, `rpc`, `rpcs-summed`, `session-closed`, `key-replaced`, or `lines-lost`',
      example: 'rpc',
    }),
    user: z.string().optional(),
    source: z.string().optional().openapi({ example: '192.0.2.5:50000' }),
    via: z.enum(['ssh', 'http']).optional(),
    deviceId: z.string().optional(),
    sessionId: z.string().optional(),
    channel: z.string().optional(),
    request: z.string().optional().openapi({ description: 'the subsystem or command that was asked for' }),
    reason: z.string().optional().openapi({ description: 'why a session was refused' }),
    operation: z.string().optional().openapi({ example: 'edit-config' }),
    namespace: z.string().optional(),
    datastore: z.string().optional().openapi({ example: 'candidate' }),
    messageId: z.string().optional(),
    outcome: z.string().optional().openapi({
      description: '`ok`, the error-tag of the reply, `aborted` where the session ended before it, or `unknown`',
    }),
    bytesFromClient: z.number().optional(),
    bytesFromDevice: z.number().optional(),
    durationSeconds: z.number().optional(),
    endedBy: z.string().optional(),
    fingerprint: z
      .string()
      .optional()
      .openapi({ description: 'of the host key that a device is bound to from then on' }),
    replaced: z.array(z.string()).optional().openapi({ description: 'the fingerprints of those before it' }),
    rpcs: z.int().optional().openapi({ description: 'how many RPCs a session had, or are summed in this line' }),
    since: z.iso.datetime().optional().openapi({ description: 'of a sum, when the first of its RPCs ended' }),
  })
  .openapi('AuditLine')

export type AuditLine = z.infer<typeof auditLineSchema>
