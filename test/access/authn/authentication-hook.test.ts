import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type AuthenticationHookSettings,
  createAuthenticationHook,
} from '../../../src/access/authn/authentication-hook.js'

const question = { user: 'ops', password: 'pässword"', source: '192.0.2.1', device: 'router1', via: 'ssh' } as const
const settings = { timeout: 5000, cache: 0, maxConcurrent: 2 }

let server: Server | undefined
afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

/** A service on this machine, and the hook that asks it. */
async function hookTo(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
  more: Partial<AuthenticationHookSettings> = {},
) {
  const made = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()))
  })
  server = made
  made.listen(0, '127.0.0.1')
  await once(made, 'listening')
  const { port } = made.address() as AddressInfo
  return createAuthenticationHook({ ...settings, url: `http://127.0.0.1:${port}/login?x=1`, ...more })
}

describe('the question', () => {
  it('is JSON by POST, with the token', async () => {
    const asked: unknown[] = []
    const ask = await hookTo(
      ({ method, url, headers }, response, body) => {
        asked.push({
          method,
          url,
          type: headers['content-type'],
          authorization: headers.authorization,
          body: JSON.parse(body),
        })
        response.writeHead(200).end('{"roles":["operator"],"user":"ops@example.net","more":1}')
      },
      { token: 'secret' },
    )
    expect(await ask(question)).toEqual({ kind: 'accepted', roles: ['operator'], user: 'ops@example.net' })
    expect(asked).toEqual([
      { method: 'POST', url: '/login?x=1', type: 'application/json', authorization: 'Bearer secret', body: question },
    ])
  })
})

describe('the answer', () => {
  it.each([
    [200, '{"roles":["a","b"]}', { kind: 'accepted', roles: ['a', 'b'] }],
    [200, '{"roles":[]}', { kind: 'accepted', roles: [] }],
    [200, '{}', { kind: 'accepted' }],
    [401, '', { kind: 'refused' }],
    [403, '{"roles":["operator"]}', { kind: 'refused' }],
  ])('%i %s', async (status, body, answer) => {
    const ask = await hookTo((_request, response) => response.writeHead(status).end(body))
    expect(await ask(question)).toEqual(answer)
  })

  it.each([
    [200, '', /not of the form/],
    [200, 'null', /not of the form/],
    [200, '["operator"]', /not of the form/],
    [200, '{"roles":"operator"}', /not of the form/],
    [200, '{"roles":[1]}', /not of the form/],
    [200, '{"roles":["a"],"user":""}', /not of the form/],
    [200, '{"roles":["a"],"user":"a b"}', /not of the form/],
    [200, '{"roles":["a"],"user":"a\\nb"}', /not of the form/],
    [200, `{"roles":["a"],"user":"${'x'.repeat(256)}"}`, /not of the form/],
    [200, `{"roles":["${'x'.repeat(70_000)}"]}`, /longer than 65536 octets/],
    [201, '{"roles":["operator"]}', /status 201/],
    [204, '', /status 204/],
    [302, '', /status 302/],
    [500, 'secrets of the service', /status 500/],
  ])('%i %s is none', async (status, body, why) => {
    const ask = await hookTo((_request, response) => response.writeHead(status, { location: '/else' }).end(body))
    const answer = await ask(question)
    expect(answer).toEqual({ kind: 'unavailable', message: expect.stringMatching(why) })
    expect(JSON.stringify(answer)).not.toMatch(/secrets of|pässword/)
  })

  it('that breaks off, or never begins, is none', async () => {
    const broken = await hookTo((request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"roles":')
      request.socket.destroySoon()
    })
    expect(await broken(question)).toEqual({ kind: 'unavailable', message: expect.stringMatching(/cannot be reached/) })
    server?.closeAllConnections()
    server?.close()
    const down = createAuthenticationHook({ ...settings, url: 'http://127.0.0.1:1/' })
    expect(await down(question)).toEqual({ kind: 'unavailable', message: 'it cannot be reached (ECONNREFUSED)' })
  })

  it('that does not come in time is none, also where it has begun', async () => {
    const silent = await hookTo(() => undefined, { timeout: 50 })
    expect(await silent(question)).toEqual({ kind: 'unavailable', message: 'it did not answer within 50 ms' })
    server?.closeAllConnections()
    server?.close()
    const slow = await hookTo((_request, response) => response.writeHead(200).write('{'), { timeout: 50 })
    expect(await slow(question)).toEqual({ kind: 'unavailable', message: 'it did not answer within 50 ms' })
  })
})

describe('questions at a time', () => {
  it('are bounded: some wait, more are not asked', async () => {
    const waiting: (() => void)[] = []
    let most = 0
    let open = 0
    const ask = await hookTo((_request, response) => {
      open += 1
      most = Math.max(most, open)
      waiting.push(() => {
        open -= 1
        response.writeHead(401).end()
      })
      // The first answer lets the next question come.
      if (waiting.length === 2) setImmediate(() => waiting.splice(0).forEach((answer) => answer()))
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(question)))
    expect(answers.filter(({ kind }) => kind === 'refused')).toHaveLength(18)
    expect(answers.filter(({ kind }) => kind === 'unavailable')).toEqual([
      { kind: 'unavailable', message: 'too many logins are waiting for it' },
      { kind: 'unavailable', message: 'too many logins are waiting for it' },
    ])
    expect(most).toBe(2)
  })
})
