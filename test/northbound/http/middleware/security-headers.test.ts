import { Hono } from 'hono'
import { expect, it } from 'vitest'
import type { ApiEnv } from '../../../../src/northbound/http/api.js'
import { setSecurityHeaders } from '../../../../src/northbound/http/middleware/security-headers.js'

const app = new Hono<ApiEnv>()
  .use(setSecurityHeaders())
  .get('/', (c) => c.body(null, 204))
  .get('/own', (c) =>
    c.body(null, 204, { 'Cache-Control': 'max-age=60', 'Content-Security-Policy': "script-src 'self'" }),
  )

it('sets these headers, and no others', async () => {
  const answer = await app.request('/')
  expect(Object.fromEntries(answer.headers)).toEqual({
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
})

it('sets none that the route has set', async () => {
  const { headers } = await app.request('/own')
  expect(headers.get('cache-control')).toBe('max-age=60')
  expect(headers.get('content-security-policy')).toBe("script-src 'self'")
  expect(headers.get('x-frame-options')).toBe('DENY')
})

it('sets them on what is refused or not there, too', async () => {
  expect((await app.request('/nowhere')).headers.get('x-frame-options')).toBe('DENY')
})
