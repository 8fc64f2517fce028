import { Hono } from 'hono'
import { beforeEach, expect, it } from 'vitest'
import type { ApiEnv } from '../../../../src/northbound/http/api.js'
import type { Caller } from '../../../../src/northbound/http/middleware/caller.js'
import { createIdempotencyCache } from '../../../../src/northbound/http/rpc/idempotency.js'

let app: Hono<ApiEnv>
let acted: number
let now: number
let refused: Response | undefined
let happened: boolean
/** More than any test needs, unless it says so. */
const plenty = {
  idempotencyWindow: 1000,
  maxIdempotencyKeys: 100,
  maxIdempotencyKeysPerUser: 100,
  maxKeptAnswersPerUser: 1_000_000,
}
let limits = plenty
let act: () => Promise<Response>

beforeEach(() => {
  acted = 0
  now = 0
  happened = true
  refused = undefined
  limits = plenty
  act = async () => new Response(`answer ${acted}`, { status: 201, headers: { Location: '/x', 'X-Other': 'y' } })
  const answers = createIdempotencyCache(
    () => limits,
    () => now,
  )
  app = new Hono<ApiEnv>()
  app.post('*', async (c) => {
    c.set('caller', { principal: { realm: 'local', name: c.req.header('user') ?? 'ops' } } as Caller)
    const request = { deviceId: c.req.header('device') ?? 'r1', body: await c.req.text(), refuse: async () => refused }
    return answers.once(c, request, async () => {
      acted += 1
      return { response: await act(), happened }
    })
  })
})

function post(key: string | undefined, { body = 'b', path = '/p', user = 'ops', device = 'r1' } = {}) {
  return app.request(path, {
    method: 'POST',
    body,
    headers: { ...(key === undefined ? {} : { 'Idempotency-Key': key }), user, device },
  })
}

const causeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { type: string }).type

it('acts once for a key on each device', async () => {
  for (const device of ['r1', 'r2', 'r1']) expect((await post('k', { device })).status).toBe(201)
  expect(acted).toBe(2)
})

it('gives no answer again to somebody who has lost the right to it', async () => {
  await post('k')
  refused = new Response('no rights', { status: 403 })
  const again = await post('k')
  expect([again.status, await again.text()]).toEqual([403, 'no rights'])
  refused = undefined
  expect((await post('k')).headers.get('idempotency-replayed')).toBe('true')
  expect(acted).toBe(1)
})

it('acts once for a key, and gives its answer again', async () => {
  const first = await post('k')
  expect([first.status, await first.text(), first.headers.get('x-other')]).toEqual([201, 'answer 1', 'y'])
  const again = await post('k')
  expect([again.status, await again.text()]).toEqual([201, 'answer 1'])
  expect([again.headers.get('idempotency-replayed'), again.headers.get('location')]).toEqual(['true', '/x'])
  expect(acted).toBe(1)
})

it('acts anew without a key, for another user, on another path, and after the window', async () => {
  await post('k')
  await post(undefined)
  await post('k', { user: 'boss' })
  expect(acted).toBe(3)
  now = 1000
  await post('k')
  await post('k', { path: '/q' })
  expect(acted).toBe(5)
})

it('refuses a key for another request, and the same query but for its timeout is no other', async () => {
  await post('k', { path: '/p?timeout=1s' })
  expect((await post('k', { path: '/p?timeout=2s' })).headers.get('idempotency-replayed')).toBe('true')
  const other = await post('k', { body: 'c' })
  expect([other.status, await causeOf(other)]).toEqual([422, 'urn:homeport:problem:idempotency-key-reused'])
  expect((await post('')).status).toBe(422)
  expect((await post('x'.repeat(256))).status).toBe(422)
})

it('tells whoever repeats a request that is under way', async () => {
  let finish: (answer: Response) => void = () => undefined
  act = () => new Promise((resolve) => (finish = resolve))
  const first = post('k')
  while (acted === 0) await new Promise(setImmediate)
  const second = await post('k')
  expect([second.status, await causeOf(second)]).toEqual([409, 'urn:homeport:problem:idempotency-key-in-use'])
  finish(new Response('done'))
  expect(await (await first).text()).toBe('done')
})

it('frees a key whose request did not happen, and not one that failed on the way', async () => {
  happened = false
  await post('k')
  await post('k')
  expect(acted).toBe(2)
  act = () => Promise.reject(new Error('on the way'))
  app.onError((_, c) => c.text('failed', 500))
  expect((await post('l')).status).toBe(500)
  expect(await causeOf(await post('l'))).toBe('urn:homeport:problem:answer-not-kept')
})

it('passes a long answer on, but does not keep it', async () => {
  const long = 'x'.repeat(200_000)
  act = async () => new Response(long)
  expect(await (await post('k')).text()).toBe(long)
  const again = await post('k')
  expect([again.status, await causeOf(again)]).toEqual([409, 'urn:homeport:problem:answer-not-kept'])
  expect(acted).toBe(1)
})

it('forgets no key before its time: further ones of that user are refused, and those of others are not', async () => {
  limits = { ...plenty, maxIdempotencyKeysPerUser: 2 }
  for (const key of ['a', 'b']) expect((await post(key)).status).toBe(201)
  now = 400
  const refused = await post('c')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect(await refused.json()).toMatchObject({ hint: expect.stringContaining('max-idempotency-keys-per-user') })
  for (const key of ['x', 'y']) expect((await post(key, { user: 'boss' })).status).toBe(201)
  expect(acted).toBe(4)
  for (const key of ['a', 'b']) expect((await post(key)).headers.get('idempotency-replayed')).toBe('true')
  expect(acted).toBe(4)
  now = 1000
  expect((await post('c')).status).toBe(201)
})

it('refuses further keys where all users together have as many as may be', async () => {
  limits = { ...plenty, maxIdempotencyKeys: 2 }
  await post('a')
  await post('a', { user: 'boss' })
  expect(await causeOf(await post('b', { user: 'third' }))).toBe('urn:homeport:problem:too-many-calls')
  expect(acted).toBe(2)
})

it('counts no key whose request did not happen', async () => {
  limits = { ...plenty, maxIdempotencyKeysPerUser: 1 }
  happened = false
  await post('a')
  happened = true
  expect((await post('b')).status).toBe(201)
})

it('keeps that a request was carried out where there is no room for its answer', async () => {
  limits = { ...plenty, maxKeptAnswersPerUser: 10 }
  await post('a')
  await post('b')
  expect((await post('a')).headers.get('idempotency-replayed')).toBe('true')
  expect(await causeOf(await post('b'))).toBe('urn:homeport:problem:answer-not-kept')
  expect(acted).toBe(2)
})
