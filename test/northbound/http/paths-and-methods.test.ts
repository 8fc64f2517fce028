import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { enrolment, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const app = createApp({ ...fleetInMemory({ enrolments: [enrolment('router1', 'approved')] }), log: recordedLog().log })

/** What looks at every request is no route. */
const routes = app.routes
  .filter(({ method }) => method !== 'ALL')
  .map(({ method, path }) => ({
    method,
    filled: path.replaceAll(/:\w+/g, 'router1'),
    matches: new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}$`),
  }))
/** Every path that there is, filled in, with its methods: a device may have the name of a fixed part. */
const paths = [...new Set(routes.map(({ filled }) => filled))].map((path) => ({
  path,
  methods: new Set(routes.filter(({ matches }) => matches.test(path)).map(({ method }) => method)),
}))
const EVERY_METHOD = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']

function allowOf(methods: ReadonlySet<string>): string {
  const order = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
  return order
    .filter((method) => methods.has(method) || method === 'OPTIONS' || (method === 'HEAD' && methods.has('GET')))
    .join(', ')
}

describe('a method that a path does not have', () => {
  it('concerns every path', () => {
    expect(paths.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/', '/docs', '/openapi.json', '/metrics', '/livez', '/healthz', '/readyz']),
    )
    expect(paths.length).toBeGreaterThan(50)
  })

  it.each(paths)('$path: 405 with Allow, as a problem', async ({ path, methods }) => {
    for (const method of EVERY_METHOD) {
      if (methods.has(method)) continue
      const answer = await app.request(path, { method })
      expect(answer.status, method).toBe(405)
      expect(answer.headers.get('allow')).toBe(allowOf(methods))
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(await answer.json()).toMatchObject({
        type: 'urn:homeport:problem:method-not-allowed',
        detail: `${path} does not take ${method}`,
        hint: `it takes ${allowOf(methods)}`,
      })
    }
  })

  it.each(paths)('$path: OPTIONS says which it has, and nothing of other origins', async ({ path, methods }) => {
    const answer = await app.request(path, { method: 'OPTIONS' })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('allow')).toBe(allowOf(methods))
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it('does not say that of a path that is not there', async () => {
    for (const method of ['OPTIONS', 'POST', 'HEAD'])
      expect((await app.request('/nowhere', { method })).status, method).toBe(404)
  })
})

describe('HEAD', () => {
  const plain = [
    '/',
    '/docs',
    '/docs/start.js',
    '/openapi.json',
    '/metrics',
    '/livez',
    '/healthz',
    '/readyz',
    '/startupz',
  ]
  it.each([...plain, '/api/v1/devices', '/api/v1/devices/router1', '/api/v1/bridge'])('%s: as GET', async (path) => {
    const got = await app.request(path)
    const head = await app.request(path, { method: 'HEAD' })
    expect(head.status).toBe(got.status)
    expect(head.headers.get('content-type')).toBe(got.headers.get('content-type'))
    expect(await head.text()).toBe('')
  })
})

describe('/', () => {
  it('leads a browser to the documentation', async () => {
    const answer = await app.request('/', { headers: { Accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' } })
    expect(answer.status).toBe(302)
    // Relative: a proxy may have put the bridge below a path of its own.
    expect(answer.headers.get('location')).toBe('docs')
  })

  it('tells a program where things are', async () => {
    const answer = await app.request('/', { headers: { Accept: '*/*' } })
    expect(answer.headers.get('vary')).toBe('Accept')
    const { links } = (await answer.json()) as { readonly links: Readonly<Record<string, string>> }
    expect(Object.values(links).length).toBeGreaterThan(5)
    for (const link of Object.values(links)) expect((await app.request(`/${link}`)).status, link).toBe(200)
  })
})

describe('an unknown path', () => {
  it.each([
    ['/api/v1/devices/', '/api/v1/devices'],
    ['/docs/', '/docs'],
    ['/devices', '/api/v1/devices'],
    ['/devices/router1', '/api/v1/devices/router1'],
    ['/api/v1/device/router1', '/api/v1/devices/router1'],
    ['/api/v2/devices', '/api/v1/devices'],
    ['/api/v1/devices/a%2Fb/get-confg', '/api/v1/devices/a%2Fb/get-config'],
    ['/healtz', '/healthz'],
  ])('%s: did you mean %s?', async (path, meant) => {
    const answer = await app.request(path)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({
      type: 'urn:homeport:problem:unknown-path',
      hint: `did you mean ${meant}? /openapi.json lists what there is`,
    })
  })

  it.each(['/quite/another', '/api/v1/devices/a/b', `/api/v1/${'x'.repeat(8000)}`, '/api/v1//rpc'])(
    '%s: nothing is guessed',
    async (path) => {
      const answer = await app.request(path)
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ hint: expect.stringContaining('/openapi.json lists what there is;') })
    },
  )
})
