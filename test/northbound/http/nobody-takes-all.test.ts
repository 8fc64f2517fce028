import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { NO_PROXIES } from '../../../src/net/proxy-protocol/gate.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { createBodyBudget } from '../../../src/northbound/http/middleware/body-budget.js'
import { proxyTrust } from '../../../src/northbound/http/middleware/peer.js'
import { answerProblem } from '../../../src/northbound/http/problem.js'
import {
  createHttpListener,
  type HttpListener,
  type HttpListenerLimits,
} from '../../../src/northbound/http/server/tcp.js'
import { createCallGate } from '../../../src/rpc/call-gate.js'
import type { Span, Tracer } from '../../../src/telemetry/traces.js'
import { LONGEST_TURN, leastOfTurns, measureLoopTurns } from '../../support/loop-turn.js'
import { fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const limits: HttpListenerLimits = {
  maxConnections: 30,
  maxPipelinedRequests: 100,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  idleTimeout: 10_000,
  proxyProtocol: NO_PROXIES,
}
const HOSTILE = '127.0.0.66'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0).toReversed()) close()
})

/** The API on a port; a call without `Authorization` is a stranger's. */
async function serve(changed: Partial<HttpListenerLimits> = {}) {
  const { log, lines } = recordedLog()
  const inMemory = fleetInMemory({})
  const callersTraces: unknown[] = []
  const span: Span = {
    recorded: false,
    child: () => span,
    rename: () => undefined,
    set: () => undefined,
    fail: () => undefined,
    end: () => undefined,
  }
  const tracer: Tracer = {
    start: (_name, _options, caller) => {
      callersTraces.push(caller)
      return span
    },
  }
  const app = createApp({
    ...inMemory,
    log,
    tracer: () => tracer,
    identify: (c) =>
      c.req.header('authorization') === undefined
        ? { ok: false, response: answerProblem(c, 'not-authenticated', { message: 'who are you?' }) }
        : inMemory.identify(c),
    network: { proxies: () => proxyTrust([], 'x-forwarded'), knowsHost: () => false, metricsArePublic: () => false },
  })
  const counted: string[] = []
  const listener: HttpListener = createHttpListener(
    app,
    { ...limits, ...changed },
    {
      tls: undefined,
      log,
      isUnlimited: () => false,
      connectionRefused: (reason) => counted.push(reason),
    },
  )
  listener.server.listen(0, '127.0.0.1')
  await once(listener.server, 'listening')
  open.push(() => listener.close())
  const { port } = listener.server.address() as AddressInfo
  const dial = async (from = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from })
    socket.on('error', () => undefined)
    open.push(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  /** What comes back for these bytes, to the end of the connection. */
  const send = async (bytes: string | Buffer): Promise<string> => {
    const socket = await dial()
    socket.write(bytes)
    return text(socket)
  }
  return { port, lines, counted, dial, send, callersTraces }
}

describe('the port of the HTTP API', () => {
  it('gives one source two thirds of the connections, and tells it why it gets no more', async () => {
    const { dial, port, counted, lines } = await serve()
    const sockets: Socket[] = []
    for (let at = 0; at < 25; at += 1) sockets.push(await dial(HOSTILE))
    const answers = await Promise.all(sockets.slice(20).map((socket) => text(socket)))
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 503 /)
      expect(answer).toMatch(/\r\nRetry-After: 5\r\n/)
    }
    expect(counted).toEqual(Array.from({ length: 5 }, () => 'too-many-from-source'))
    expect(lines().at(-1)).toMatchObject({ msg: 'client refused: too many connections from there', connections: 20 })
    const asked = request({ port, host: '127.0.0.1', path: '/livez', agent: false }).end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(200)
  })

  it('waits for the head of a request no longer than configured, and answers that', async () => {
    const { send } = await serve({ headersTimeout: 100 })
    expect(await send('GET /livez HTTP/1.1\r\nHost: loc')).toMatch(/^HTTP\/1\.1 408 /)
    expect(await send('')).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('refuses a request with two hosts, and serves HTTP/1.0 without one', async () => {
    const { send } = await serve()
    const two = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n'
    expect(await send(two)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await send('GET /livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await send('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it.each([
    [
      'SSH, which it answers in SSH',
      'SSH-2.0-OpenSSH_9.2\r\n',
      'ssh-on-http-port',
      /^SSH-2\.0-.+SSH is spoken on the port of/s,
    ],
    [
      'a device that calls home, which is about to speak SSH',
      'MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\n',
      'ssh-on-http-port',
      /^SSH-2\.0-.+SSH is spoken on the port of/s,
    ],
    ['TLS', Buffer.from('16030100f8010000f40303', 'hex'), 'tls-on-http-port', /^HTTP\/1\.1 400 /],
  ])('names %s', async (_name, bytes, reason, answer) => {
    const { send, lines, counted } = await serve()
    expect(await send(bytes)).toMatch(answer)
    expect(counted).toEqual([reason])
    expect(lines().find(({ msg }) => String(msg).startsWith('client refused'))).toMatchObject({ reason, level: 'warn' })
  })

  it('answers garbage in the middle of a body, and what is too long, and goes on', async () => {
    const { send } = await serve()
    const head = 'POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n'
    expect(await send(`${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await send(`GET /${'x'.repeat(70_000)} HTTP/1.1\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await send('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')).toMatch(/200 OK/)
  })

  it('answers requests that are sent ahead one in each turn, in their order, and closes a connection that sends more', async () => {
    const { send, dial, counted, lines } = await serve({ maxPipelinedRequests: 300 })
    const request = (path: string, close = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`
    const paths = Array.from({ length: 300 }, (_, at) => `/no/${at}`)
    let answers = ''
    const turn = await leastOfTurns(async () => {
      const turns = measureLoopTurns()
      answers = await send(`${paths.map((path) => request(path)).join('')}${request('/end', 'Connection: close\r\n')}`)
      return turns.stop()
    })
    expect(turn).toBeLessThan(LONGEST_TURN)
    expect([...answers.matchAll(/nothing answers GET ([^"]+)"/g)].map(([, path]) => path)).toEqual([...paths, '/end'])
    expect(counted).toEqual([])

    const socket = await dial()
    const closed = once(socket, 'close')
    socket.resume()
    socket.write(Array.from({ length: 1500 }, () => request('/no')).join(''))
    await closed
    expect(counted).toEqual(['too-many-pipelined'])
    expect(lines().find(({ reason }) => reason === 'too-many-pipelined')).toMatchObject({ level: 'warn' })
  })

  it('takes a body that is cut off for no fault of its own', async () => {
    const { dial, lines } = await serve()
    for (const part of ['Content-Length: 100\r\n\r\n{', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n']) {
      const from = lines().length
      const socket = await dial()
      socket.write(
        `POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer x\r\n${part}`,
      )
      await new Promise((resolve) => setImmediate(resolve))
      socket.end()
      await expect
        .poll(() =>
          lines()
            .slice(from)
            .find(({ msg }) => msg === 'request'),
        )
        .toMatchObject({ status: 400 })
      expect(
        lines()
          .slice(from)
          .map(({ level }) => level),
      ).not.toContain('error')
    }
  })

  it('reads no body of a stranger', async () => {
    const { send } = await serve()
    const head = 'POST /api/v1/devices/router1/rpc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
    // The end of the body never comes, and is not waited for.
    expect(await send(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('takes a GET that says it has a body as one without', async () => {
    const { send } = await serve()
    const head = 'GET /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer x\r\n'
    expect(await send(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('goes on with the trace of a caller who is known alone', async () => {
    const { send, callersTraces } = await serve()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const head = `GET /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\ntraceparent: ${traceparent}\r\n`
    expect(await send(`${head}\r\n`)).toMatch(/^HTTP\/1\.1 401 /)
    expect(await send(`${head}Authorization: Bearer x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /)
    expect(callersTraces).toEqual([undefined, { traceparent, tracestate: undefined }])
  })
})

describe('one user', () => {
  it('takes nine tenths of all calls at most, and another one still gets in', () => {
    const gate = createCallGate(() => ({ maxCalls: 100, maxCallsPerDevice: 1000 }))
    const enter = (name: string) => gate.enter('router1', { realm: 'local', name })
    const greedy = Array.from({ length: 200 }, () => enter('greedy')).filter(({ ok }) => ok)
    expect(greedy).toHaveLength(90)
    expect(enter('other').ok).toBe(true)
    const refused = enter('greedy')
    expect(refused.ok ? '' : refused.failure.hint).toContain('max-calls-per-user')
  })

  it('takes as many calls as configured for one user, where it is', () => {
    const gate = createCallGate(() => ({ maxCalls: 100, maxCallsPerUser: 2, maxCallsPerDevice: 1000 }))
    const enter = () => gate.enter('router1', { realm: 'local', name: 'ops' })
    const [first] = [enter(), enter()]
    expect(enter().ok).toBe(false)
    if (first?.ok) first.leave()
    expect(enter().ok).toBe(true)
  })

  it('takes nine tenths of the room for bodies at most, and a body alone may be as large as one may be', () => {
    const budget = createBodyBudget(() => 100)
    const big = budget.open('ops')
    expect(big.take(1_000)).toBe(true)
    expect(budget.open('other').take(1)).toBe(false)
    big.release()
    expect(budget.taken).toBe(0)
    const bodies = Array.from({ length: 20 }, () => budget.open('greedy'))
    expect(bodies.map((body) => body.take(10)).filter(Boolean)).toHaveLength(9)
    const other = budget.open('other')
    expect([other.take(5), other.take(90)]).toEqual([true, false])
    for (const body of bodies) body.release()
    expect(other.take(90)).toBe(true)
    other.release()
    expect(budget.taken).toBe(0)
  })
})

describe('requests that no route is for', () => {
  it('write nothing above debug, as a stranger may send any number', async () => {
    const { send, lines } = await serve()
    for (const request of ['POST /docs', 'DELETE /nowhere', 'POST /api/v1/devices', 'OPTIONS /metrics'])
      await send(`${request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    expect(lines().map(({ level, status }) => [level, status])).toEqual([
      ['debug', 405],
      ['debug', 404],
      ['debug', 401],
      ['debug', 204],
    ])
  })

  it('OPTIONS * asks about the server', async () => {
    const { send } = await serve()
    const answer = await send('OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 204 /)
    expect(answer).toMatch(/\r\nallow: GET, HEAD, OPTIONS\r\n/i)
  })
})
