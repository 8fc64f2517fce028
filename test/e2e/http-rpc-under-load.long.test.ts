import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { waitFor } from './parts/wait-for.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import type { ConfigFile } from './support/bridge.js'
import { createCaller, curl, type HttpAnswer, inParallel, socketOf } from './support/http-api.js'

let device: AttachedDevice
let config: ConfigFile

beforeAll(async () => {
  config = { devices: [{ id: 'router1', secret: 'secret-of-the-device' }] }
  device = await startAttachedDevice({ netconf: byteSubsystem.answers(), device: { redialDelay: 100 }, config })
})

afterAll(async () => {
  await device?.stop()
})

const MIB = 1024 ** 2
const rpc = '/api/v1/devices/router1/rpc'

/** Applies other bounds on calls, and waits for the device where the last test has cut its link. */
async function bounded(http: Readonly<Record<string, unknown>>, more: ConfigFile = {}): Promise<void> {
  const credentials = { default: { username: deviceLogin.user, password: deviceLogin.password } }
  await device.bridge.reload({ credentials, ...config, endpoint: { http }, ...more })
}

/** A read whose reply has a token of its own. */
function get(token: string, { wait = 0, size = 0 } = {}): { readonly body: string } {
  return { body: `<get><filter><wait>${wait}</wait><size>${size}</size><token>${token}</token></filter></get>` }
}

const cause = (answer: HttpAnswer): string =>
  (JSON.parse(answer.body) as { type: string }).type.replace('urn:homeport:problem:', '')

/** Bytes that the bridge has sent on its sessions over HTTP for somebody. */
async function sentBy(user: string): Promise<number> {
  const { body } = await curl(device.bridge, '/api/v1/sessions', { method: 'GET' })
  const { sessions } = JSON.parse(body) as { sessions: { user: string; bytesFromClient: number }[] }
  return sessions.filter((one) => one.user === user).reduce((sum, one) => sum + one.bytesFromClient, 0)
}

/** Waits until a request was sent on, after so many bytes before it. */
async function untilSent(user: string, before: number): Promise<void> {
  await waitFor('the request to be sent to the device', async () => (await sentBy(user)) > before)
}

/** Bytes of the bridge's `<hello>`, and of no request. */
const hello = 260

/** Begins a request and reads no more of its answer than the head. */
async function beginRequest(body: string): Promise<IncomingMessage> {
  const sent = requestHttp({
    socketPath: socketOf(device.bridge),
    path: rpc,
    method: 'POST',
    headers: { 'Content-Type': 'application/xml' },
  })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

describe('many calls, 32 at a time, to one device', () => {
  it('with the link cut in the middle: every call ends with its own reply or an error that says so', async () => {
    const { call, stop } = createCaller(device.bridge, 32)
    const outcomes = new Map<string, number>()
    await inParallel(400, 32, async (number) => {
      if (number === 100 || number === 250) device.device.cut()
      const answer = await call(rpc, get(`token-${number}`))
      if (answer.status === 200) expect(answer.body).toContain(`<token>token-${number}</token>`)
      const outcome = answer.status === 200 ? 'ok' : cause(answer)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    })
    stop()
    expect([...outcomes.keys()].filter((each) => !['ok', 'link-lost', 'not-connected'].includes(each))).toEqual([])
    // A read is sent again on the next link, so hardly any of them needs to fail.
    expect(outcomes.get('ok')).toBeGreaterThan(330)
  })
})

describe('a link that is cut while a call is under way', () => {
  it('a read is sent again on the next link', async () => {
    await curl(device.bridge, rpc, get('warm'))
    const before = await sentBy('homeport')
    const answer = curl(device.bridge, rpc, get('again', { wait: 2000 }))
    await untilSent('homeport', before)
    device.device.cut()
    expect(await answer).toMatchObject({ status: 200, body: expect.stringContaining('<token>again</token>') })
  })

  it('of what may have had an effect the caller is told that its outcome is not known', async () => {
    const body = '<edit-config><wait>10000</wait></edit-config>'
    const answer = curl(device.bridge, rpc, { body, headers: { 'Idempotency-Key': 'k' } })
    await untilSent('operator', hello)
    device.device.cut()
    expect((await answer).status).toBe(502)
    expect(cause(await answer)).toBe('outcome-unknown')
    // Nor is it carried out again by its key.
    const again = await curl(device.bridge, rpc, { body, headers: { 'Idempotency-Key': 'k' } })
    expect(again).toMatchObject({ status: 502, headers: { 'idempotency-replayed': 'true' } })
  })

  it('a long reply that was begun breaks the answer off', async () => {
    const answer = await beginRequest(get('long', { size: 64 * MIB }).body)
    const ended = new Promise<Error | undefined>((resolve) => {
      answer.once('error', resolve)
      answer.once('end', () => resolve(undefined))
    })
    device.device.cut()
    answer.resume()
    expect(await ended).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('a reply of 64 MiB', () => {
  it('is passed on whole while the memory stays flat', async () => {
    await curl(device.bridge, rpc, get('warm', { size: 4 * MIB }))
    const before = await device.bridge.residentMemory()
    const answer = await beginRequest(get('bulk', { size: 64 * MIB }).body)
    let bytes = 0
    let most = 0
    let tail = ''
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length
      tail = (tail + part.toString('latin1')).slice(-40)
      if (bytes % (4 * MIB) < part.length) most = Math.max(most, await device.bridge.residentMemory())
    }
    expect(bytes).toBeGreaterThan(64 * MIB)
    expect(tail).toMatch(/x<\/text><\/data><\/rpc-reply>$/)
    expect(most - before).toBeLessThan(40 * MIB)
  })

  it('is too long for JSON, which is said', async () => {
    const answer = await curl(device.bridge, rpc, {
      ...get('bulk', { size: 64 * MIB }),
      headers: { Accept: 'application/json' },
    })
    expect(answer.status).toBe(413)
    expect(cause(answer)).toBe('reply-too-large')
    expect((await curl(device.bridge, rpc, get('next'))).body).toContain('<token>next</token>')
  })

  it('whose reader is slow does not hold up others', async () => {
    const slow = await beginRequest(get('slow', { size: 64 * MIB }).body)
    const another = await beginRequest(get('slow too', { size: 64 * MIB }).body)
    const { call, stop } = createCaller(device.bridge, 8)
    await inParallel(100, 8, async (number) => {
      expect((await call(rpc, get(`quick-${number}`))).body).toContain(`<token>quick-${number}</token>`)
    })
    stop()
    // Their reader comes back to them, now that all others are served.
    let bytes = 0
    for (const answer of [slow, another]) for await (const part of answer as AsyncIterable<Buffer>) bytes += part.length
    expect(bytes).toBeGreaterThan(128 * MIB)
  })
})

describe('bounds', () => {
  it('a device that does not answer in time: 504, and the next call is answered', async () => {
    const late = await curl(device.bridge, `${rpc}?timeout=300ms`, get('late', { wait: 1500 }))
    expect([late.status, cause(late)]).toEqual([504, 'device-timeout'])
    expect((await curl(device.bridge, rpc, get('next'))).body).toContain('<token>next</token>')
    const edit = await curl(device.bridge, `${rpc}?timeout=300ms`, {
      body: '<edit-config><wait>1500</wait></edit-config>',
    })
    expect(edit.body).toContain('may still be carried out')
  })

  it('more calls than may run: 429 with Retry-After', async () => {
    await bounded({ 'max-calls-per-device': 2 })
    const { call, stop } = createCaller(device.bridge, 3)
    const answers = await Promise.all(['a', 'b', 'c'].map((token) => call(rpc, get(token, { wait: 300 }))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers['retry-after']).toBe('1')
    expect((await call(rpc, get('d'))).status).toBe(200)
    stop()
  })

  it('a body that is too long: 413', async () => {
    await bounded({ 'max-request-size': '64KiB' })
    const answer = await curl(device.bridge, rpc, { body: `<get>${' '.repeat(70_000)}</get>` })
    expect([answer.status, cause(answer)]).toEqual([413, 'body-too-large'])
  })

  it('sessions: idle ones are closed, and no user has more than may be', async () => {
    await bounded({ 'session-idle': '2s', 'max-sessions-per-user': 2 })
    const path = '/api/v1/devices/router1/sessions'
    const first = await curl(device.bridge, path)
    expect((await curl(device.bridge, path)).status).toBe(201)
    expect((await curl(device.bridge, path)).status).toBe(429)
    const { location = '' } = first.headers
    const shown = () => curl(device.bridge, location, { method: 'GET' })
    await waitFor('the session to be closed', async () => (await shown()).status === 410)
    const answer = await shown()
    expect(answer.status).toBe(410)
    expect(answer.body).toContain('nothing was sent on it for 2 s')
    expect((await curl(device.bridge, path)).status).toBe(201)
  })

  it('a client that goes away: its call is given up, and the session goes on', async () => {
    const sent = requestHttp({
      socketPath: socketOf(device.bridge),
      path: rpc,
      method: 'POST',
      headers: { 'Content-Type': 'application/xml' },
    })
    const before = await sentBy('homeport')
    sent.on('error', () => undefined)
    sent.end(get('nobody', { wait: 1000 }).body)
    await untilSent('homeport', before)
    sent.destroy()
    await new Promise((resolve) => sent.once('close', resolve))
    expect((await curl(device.bridge, rpc, get('next'))).body).toContain('<token>next</token>')
    await device.bridge.logged(/^request$/, { status: 499 })
  })

  it('warm sessions make room for a client who waits for a session', async () => {
    await bounded({}, { link: { 'max-sessions': 2 } })
    await Promise.all([1, 2, 3].map((number) => curl(device.bridge, rpc, get(`t${number}`, { wait: 200 }))))
    const opened = await Promise.all([1, 2].map(() => curl(device.bridge, '/api/v1/devices/router1/sessions')))
    // Who waits for too long is refused.
    expect(opened.map(({ status }) => status)).toEqual([201, 201])
  })
})
