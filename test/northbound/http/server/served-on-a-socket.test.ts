import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp } from '../../../../src/northbound/http/app.js'
import { type ServedSocket, serveOnSocket } from '../../../../src/northbound/http/server/unix-socket.js'
import { enrolment, fleetInMemory, keyA } from '../fleet-in-memory.js'
import { recordedLog } from '../recorded-log.js'

let directory = ''
let path = ''
const toClose: ServedSocket[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'homeport-socket-'))
  path = join(directory, 'homeport.sock')
})
afterEach(async () => {
  for (const served of toClose.splice(0)) await served.close()
  rmSync(directory, { recursive: true })
})

const enrolments = ['a/b', 'a b', '%2F', 'x?y#z\\', 'é'].map((id) => enrolment(id, 'pending', { presented: keyA }))

async function serve(
  options: { path?: string; group?: boolean; closeGrace?: number; app?: Parameters<typeof serveOnSocket>[0] } = {},
) {
  const { log } = recordedLog()
  const { app = createApp({ ...fleetInMemory({ enrolments }), log }), ...rest } = options
  const serving = await serveOnSocket(app, { path, log, ...rest })
  if (serving.ok) toClose.push(serving.served)
  return serving
}

async function served(options: Parameters<typeof serve>[0] = {}): Promise<ServedSocket> {
  const serving = await serve(options)
  if (!serving.ok) throw new Error(serving.failure.message)
  return serving.served
}

async function ask(method: string, target: string, body?: string, headers: Record<string, string> = {}) {
  const asked = request({ socketPath: path, method, path: target, agent: false, headers })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, body: await text(answer) }
}

/** A socket whose process was killed. */
async function leaveStaleSocket(): Promise<void> {
  const listen = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(lstatSync(path).isSocket()).toBe(true)
}

describe('the API on a Unix socket', () => {
  it('answers to its owner alone, and changes nothing else of the process', async () => {
    const usual = process.umask()
    await served()
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    expect(process.umask()).toBe(usual)
    expect(await ask('GET', '/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
  })

  it('answers to its group too where that is wanted, from its first moment on', async () => {
    const usual = process.umask()
    await served({ group: true })
    expect(lstatSync(path).mode & 0o777).toBe(0o660)
    expect(process.umask()).toBe(usual)
  })

  it.each([
    ['its length told', {}],
    ['its length not told', { 'Transfer-Encoding': 'chunked' }],
  ])('takes bodies up to a bound, with %s', async (_, framing: Record<string, string>) => {
    await served()
    const post = (secret: string) =>
      ask('POST', '/api/v1/devices', JSON.stringify({ id: 'r', secret }), {
        'Content-Type': 'application/json',
        ...framing,
      })
    expect(await post('x'.repeat(1024))).toMatchObject({ status: 201 })
    expect(await post('x'.repeat(65_536))).toMatchObject({ status: 413, body: expect.stringContaining('too-large') })
  })

  it('was never open to others, not for a moment', async () => {
    const modes: number[] = []
    const look = (): void => {
      if (existsSync(path)) modes.push(lstatSync(path).mode & 0o777)
    }
    const serving = serve()
    for (let turn = 0; turn < 20; turn += 1) {
      look()
      await new Promise((resolve) => process.nextTick(resolve))
    }
    await serving
    look()
    expect(new Set(modes)).toEqual(new Set([0o600]))
  })

  it.each(enrolments.map(({ deviceId }) => deviceId))('takes the device id %j as it is', async (id) => {
    await served()
    const { status, body } = await ask(
      'POST',
      `/api/v1/devices/${encodeURIComponent(id)}/approve`,
      JSON.stringify({ fingerprint: keyA.fingerprint }),
      { 'Content-Type': 'application/json' },
    )
    expect([status, JSON.parse(body)]).toMatchObject([200, { id, standing: 'approved' }])
  })

  it.each([
    ['of a known length', {}],
    ['in chunks', { 'Transfer-Encoding': 'chunked' }],
  ])('bounds a body %s', async (_, framing: Record<string, string>) => {
    await served()
    const post = (secret: string) =>
      ask('POST', '/api/v1/devices', JSON.stringify({ id: 'n', secret }), {
        'Content-Type': 'application/json',
        ...framing,
      })
    expect((await post('s')).status).toBe(201)
    expect((await post('s'.repeat(70_000))).status).toBe(413)
    expect((await ask('GET', '/healthz')).status).toBe(200)
  })
})

describe('the place of the socket', () => {
  it('is cleared of one that nobody answers on', async () => {
    await leaveStaleSocket()
    await served()
    expect(await ask('GET', '/healthz')).toMatchObject({ status: 200 })
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
  })

  it('is left to a bridge that answers', async () => {
    await served()
    const second = await serve()
    expect(second).toMatchObject({
      ok: false,
      failure: { reason: 'answered-by-another', message: `another bridge answers on ${path}` },
    })
    expect(await ask('GET', '/healthz')).toMatchObject({ status: 200 })
  })

  it('is left to one that listens but is too busy to answer', async () => {
    const busy = createServer().listen(path)
    await once(busy, 'listening')
    expect(await serve()).toMatchObject({ ok: false, failure: { reason: 'answered-by-another' } })
    expect(existsSync(path)).toBe(true)
    await new Promise((resolve) => busy.close(resolve))
  })

  it('is left to a file that is no socket', async () => {
    writeFileSync(path, 'precious')
    expect(await serve()).toMatchObject({ ok: false, failure: { reason: 'not-a-socket' } })
    expect(lstatSync(path).size).toBe(8)
  })

  it('has a path that a socket may have', async () => {
    const long = join(directory, 'x'.repeat(100))
    expect(await serve({ path: long })).toMatchObject({ ok: false, failure: { reason: 'path-too-long' } })
  })

  it('is in a directory that is there', async () => {
    const missing = join(directory, 'missing', 's')
    expect(await serve({ path: missing })).toMatchObject({
      ok: false,
      failure: { reason: 'cannot-listen', message: `there is no directory ${join(directory, 'missing')}` },
    })
  })

  it('is empty again after the end, which may be asked for twice', async () => {
    const socket = await served()
    await Promise.all([socket.close(), socket.close()])
    expect(existsSync(path)).toBe(false)
    await served()
    expect(await ask('GET', '/healthz')).toMatchObject({ status: 200 })
  })
})

describe('the end', () => {
  /** An app that answers when it is told to. */
  function slowApp() {
    let asked = (): void => undefined
    let answer = (): void => undefined
    const whenAsked = new Promise<void>((resolve) => (asked = resolve))
    const released = new Promise<void>((resolve) => (answer = resolve))
    const fetch = async (): Promise<Response> => {
      asked()
      await released
      return new Response('late')
    }
    return { app: { fetch }, whenAsked, answer }
  }

  it('lets a request under way finish, and does not wait for its kept connection', async () => {
    const { app, whenAsked, answer } = slowApp()
    const socket = await served({ app, closeGrace: 60_000 })
    const client = connect(path)
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const received = text(client)
    await whenAsked
    const closed = socket.close()
    expect(existsSync(path)).toBe(false)
    answer()
    await closed
    expect(await received).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*late/)
  }, 4_000)

  it('cuts off what has not finished when the grace is over', async () => {
    const { app, whenAsked, answer } = slowApp()
    const socket = await served({ app, closeGrace: 20 })
    const asked = ask('GET', '/').catch((error: NodeJS.ErrnoException) => error.code)
    await whenAsked
    await socket.close()
    expect(await asked).toBe('ECONNRESET')
    answer()
  })
})
