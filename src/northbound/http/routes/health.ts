import { createRoute, z } from '@hono/zod-openapi'
import type { Api } from '../api.js'
import type { Health } from '../health.js'

const healthy = { 'application/json': { schema: z.object({ status: z.literal('ok') }) } }

const readyNow = {
  'application/json': {
    schema: z.object({ status: z.literal('ok'), degraded: z.array(z.string()).optional() }).openapi('Ready'),
  },
}

const unready = z
  .object({
    status: z.literal('unready'),
    unready: z.array(z.object({ part: z.string(), message: z.string() })),
  })
  .openapi('Unready')

/** Open to everybody, as those who ask have no token. */
const open = { method: 'get' as const, tags: ['bridge'] }

const live = createRoute({
  ...open,
  path: '/livez',
  operationId: 'live',
  description: 'For a supervisor: 200 as long as the process answers at all. Needs no login.',
  summary: 'Whether the bridge runs; one that does not answer is to be started anew',
  responses: { 200: { description: 'it runs', content: healthy } },
})

const health = createRoute({
  ...live,
  path: '/healthz',
  operationId: 'health',
  description: 'The same as /livez, under the name that many expect. Needs no login.',
  summary: 'The same as /livez',
})

const readiness = {
  200: { description: 'yes, and what of it does not work all the same', content: readyNow },
  503: { description: 'not now, and why', content: { 'application/json': { schema: unready } } },
}

const ready = createRoute({
  ...open,
  path: '/readyz',
  operationId: 'ready',
  description:
    'For a load balancer: 503 while the bridge starts or stops, and where it cannot take devices or ' +
    'clients, with the reasons. Needs no login.',
  summary: 'Whether devices and clients should be sent here; not while the bridge is stopping',
  responses: readiness,
})

const startup = createRoute({
  ...open,
  path: '/startupz',
  operationId: 'startup',
  description: 'For a supervisor that waits for the start: 503 until every listener is up. Needs no login.',
  summary: 'Whether the start is over: every listener was up once',
  responses: readiness,
})

export function registerHealth(api: Api, bridge: Health): void {
  api.openapi(live, (c) => c.json({ status: 'ok' as const }, 200))
  api.openapi(health, (c) => c.json({ status: 'ok' as const }, 200))
  api.openapi(ready, async (c) => {
    const found = await bridge.unready()
    const degraded = [...bridge.degraded()]
    return found.length === 0
      ? c.json({ status: 'ok' as const, ...(degraded.length > 0 && { degraded }) }, 200)
      : c.json({ status: 'unready' as const, unready: found.map(({ part, message }) => ({ part, message })) }, 503)
  })
  api.openapi(startup, (c) =>
    bridge.started()
      ? c.json({ status: 'ok' as const }, 200)
      : c.json({ status: 'unready' as const, unready: [{ part: 'bridge', message: 'it is starting' }] }, 503),
  )
}
