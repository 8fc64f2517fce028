import { createRoute, z } from '@hono/zod-openapi'
import type { RecordPosition, RecordQuery } from '../../../../access/record-query.js'
import type { Api, Ports } from '../../api.js'
import type { Caller } from '../../caller.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../require-scope.js'
import { type AuditLine, auditLineSchema } from './line.js'

/** A page of the record, the newest line first. */
export const auditPageSchema = z
  .object({
    lines: z.array(auditLineSchema),
    next: z.string().nullable().openapi({ description: 'give it as `after` for the page that follows' }),
  })
  .openapi('AuditPage')

const time = z.iso.datetime({ offset: true }).openapi({ example: '2026-03-01T12:00:00Z' })

const wanted = z.object({
  device: z.string().optional(),
  user: z.string().optional(),
  session: z.string().optional(),
  event: z.string().optional().openapi({ example: 'rpc' }),
  operation: z.string().optional().openapi({ example: 'edit-config' }),
  outcome: z.string().optional().openapi({ example: 'lock-denied' }),
  since: time.optional().openapi({ description: 'not before this time' }),
  until: time.optional().openapi({ description: 'before this time' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z
    .string()
    .regex(/^\d{1,15}\.\d{1,15}$/, 'expected the `next` of an earlier answer')
    .optional(),
})

const route = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  ...needs('admin'),
  operationId: 'findAuditLines',
  tags: ['audit'],
  summary: 'Who did what on which device; lines of devices on which the caller has no such right are left out',
  request: { query: wanted },
  responses: {
    200: { description: 'the newest first', content: { 'application/json': { schema: auditPageSchema } } },
    ...problemResponses('invalid-request', 'record-not-readable'),
  },
})

export function registerFindAuditLines(api: Api, { findRecords }: Ports): void {
  api.openapi(route, async (c) => {
    try {
      const { lines, next } = await findRecords(queryOf(c.req.valid('query')))
      const shown = await linesFor(
        c.var.caller,
        lines.map((line) => auditLineSchema.parse(JSON.parse(line))),
      )
      return c.json({ lines: shown, next: next === undefined ? null : `${next.time}.${next.row}` }, 200)
    } catch (error) {
      return answerProblem(c, 'record-not-readable', {
        message: `the record cannot be searched: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'the record’s own file has all lines; see the log of the bridge',
      })
    }
  })
}

function queryOf({ device, session, since, until, after, ...same }: z.output<typeof wanted>): RecordQuery {
  const { user, event, operation, outcome, limit } = same
  return {
    ...(device === undefined ? {} : { deviceId: device }),
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { sessionId: session }),
    ...(event === undefined ? {} : { event }),
    ...(operation === undefined ? {} : { operation }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
    ...(after === undefined ? {} : { after: positionOf(after) }),
    limit,
  }
}

function positionOf(written: string): RecordPosition {
  const [time = '', row = ''] = written.split('.')
  return { time: Number(time), row: Number(row) }
}

/** A caller who administers some devices alone sees what was done on those, and not what is about no device. */
async function linesFor(caller: Caller, lines: readonly AuditLine[]): Promise<AuditLine[]> {
  if (caller.mayEverywhere('admin')) return [...lines]
  const ids = [...new Set(lines.flatMap(({ deviceId }) => deviceId ?? []))]
  const allowed = await Promise.all(ids.map((id) => caller.mayOn('admin', id)))
  const seen = new Set(ids.filter((_, at) => allowed[at]))
  return lines.filter(({ deviceId }) => deviceId !== undefined && seen.has(deviceId))
}
