import { createRoute, z } from '@hono/zod-openapi'
import type { FindAuditEvents, AuditPosition, AuditQuery } from '../../../../audit/audit-query.js'
import type { Api, HttpServices } from '../../api.js'
import type { Caller } from '../../middleware/caller.js'
import { answerProblem, problemResponses } from '../../problem.js'
import { needs } from '../../middleware/require-scope.js'
import { type AuditLine, auditLineSchema } from './line.js'

/** A page of the audit log, the newest line first. */
export const auditPageSchema = z
  .object({
    lines: z.array(auditLineSchema),
    next: z.string().nullable().openapi({ description: 'give it as `after` for the page that follows' }),
  })
  .openapi('AuditPage')

const time = z.iso.datetime({ offset: true })

const wanted = z.object({
  device: z.string().optional(),
  user: z.string().optional(),
  session: z.string().optional(),
  event: z.string().optional().openapi({ description: 'such as `rpc` or `session-opened`' }),
  operation: z.string().optional().openapi({ description: 'such as `edit-config`' }),
  outcome: z.string().optional().openapi({ description: '`ok`, or an error-tag such as `lock-denied`' }),
  since: time.optional().openapi({ description: 'not before this time, such as `2026-03-01T12:00:00Z`' }),
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
  description:
    'Searches the audit log by device, user, session, operation and time, the newest line first, page by page.',
  tags: ['audit'],
  summary: 'Who did what on which device; lines of devices on which the caller has no such right are left out',
  request: { query: wanted },
  responses: {
    200: { description: 'the newest first', content: { 'application/json': { schema: auditPageSchema } } },
    ...problemResponses('invalid-request', 'record-not-readable'),
  },
})

export function registerFindAuditLines(api: Api, { findAuditEvents }: HttpServices): void {
  api.openapi(route, async (c) => {
    try {
      const { lines, next } = await pageFor(c.var.caller, findAuditEvents, queryOf(c.req.valid('query')))
      return c.json({ lines, next: next === undefined ? null : `${next.time}.${next.row}` }, 200)
    } catch (error) {
      return answerProblem(c, 'record-not-readable', {
        message: `the audit log cannot be searched: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'the audit log’s own file has all lines; see the log of the bridge',
      })
    }
  })
}

function queryOf({ device, session, since, until, after, ...same }: z.output<typeof wanted>): AuditQuery {
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

function positionOf(written: string): AuditPosition {
  const [time = '', row = ''] = written.split('.')
  return { time: Number(time), row: Number(row) }
}

/** Pages that are read for one answer where most lines are not for the caller. */
const MOST_PAGES = 50

/**
 * What of the audit log a caller may see. That a page has lines of others is not told either, so that nobody learns by
 * `next` what was done elsewhere.
 */
async function pageFor(
  caller: Caller,
  find: FindAuditEvents,
  query: AuditQuery,
): Promise<{ readonly lines: AuditLine[]; readonly next?: AuditPosition | undefined }> {
  const { deviceId, limit } = query
  if (deviceId !== undefined && !(await caller.mayOn('admin', deviceId))) return { lines: [] }
  let shown: AuditLine[] = []
  let { after } = query
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found = await find({ ...query, limit: limit - shown.length, ...(after === undefined ? {} : { after }) })
    const lines = found.lines.map((line) => auditLineSchema.parse(JSON.parse(line)))
    shown = [...shown, ...(await linesFor(caller, lines))]
    after = found.next
    if (after === undefined || shown.length >= limit) break
  }
  return { lines: shown, next: after }
}

/** A caller who administers some devices alone sees what was done on those, and not what is about no device. */
async function linesFor(caller: Caller, lines: readonly AuditLine[]): Promise<AuditLine[]> {
  if (caller.mayEverywhere('admin')) return [...lines]
  const ids = [...new Set(lines.flatMap(({ deviceId }) => deviceId ?? []))]
  const allowed = await Promise.all(ids.map((id) => caller.mayOn('admin', id)))
  const seen = new Set(ids.filter((_, at) => allowed[at]))
  return lines.filter(({ deviceId }) => deviceId !== undefined && seen.has(deviceId))
}
