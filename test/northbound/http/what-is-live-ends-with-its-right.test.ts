import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Role } from '../../../src/access/authz/role.js'
import type { User } from '../../../src/access/authn/user.js'
import { makeFeed } from '../../fleet/support/hand-made-feed.js'
import type { Api } from '../../../src/northbound/http/api.js'
import { directoryOf } from '../../../src/northbound/device-directory.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { identifyByCredentials } from '../../../src/northbound/http/middleware/authentication.js'
import { createFleetEventLog } from '../../../src/fleet/event-log.js'
import { serveOnSocket } from '../../../src/northbound/http/server/unix-socket.js'
import { createRpcService } from '../../../src/rpc/rpc-service.js'
import { attached, callLimits, fleetInMemory } from './fleet-in-memory.js'
import { deviceInMemory } from './rpc/support/device-in-memory.js'
import { recordedLog } from './recorded-log.js'

const reader: Role = { devices: ['*'], operations: [], channels: ['netconf'], api: ['read', 'rpc', 'admin'] }
const ann: User = { name: 'ann', authorizedKeys: [], principals: [], roles: ['reader'] }
const issuer = 'https://id.example'

let app: Api
let inMemory: ReturnType<typeof fleetInMemory>
let users: Map<string, User>
let roles: Map<string, Role>
let served: boolean
let jwtUntil: Date
const emitter = makeFeed()

beforeEach(() => {
  inMemory = { ...fleetInMemory({ statuses: [attached('router1')] }), events: createFleetEventLog(emitter, 10) }
  users = new Map([['ann', ann]])
  roles = new Map([['reader', reader]])
  served = true
  jwtUntil = new Date(Date.now() + 3_600_000)
  const { log } = recordedLog()
  const identify = identifyByCredentials(
    inMemory.devices,
    {
      find: (name) => users.get(name),
      roles: () => roles,
      tokens: inMemory.tokens,
      authenticatePassword: async ({ user }) => ({ ok: true, realm: 'local', account: () => users.get(user) }),
      loginLog: { failed: () => undefined },
      checkJwt: () => async () => ({ ok: true, issuer, user: 'ann', roles: ['reader'], until: jwtUntil }),
      isServed: () => served,
    },
    log,
  )
  app = createApp({ ...inMemory, log, identify })
})
afterEach(() => {
  inMemory.events.close()
  vi.useRealTimers()
})

/** Opens the stream of the fleet's events; `rest` settles with the events that are left when it ends. */
async function listen(authorization: string) {
  const answer = await app.request('/api/v1/events', { headers: { authorization } })
  expect(answer.status).toBe(200)
  return {
    rest: answer.text().then((text) => [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, ...of]) => of)),
  }
}

async function token(more: { readonly expiresAt?: Date } = {}) {
  const created = await inMemory.tokens.create({ user: 'ann', createdBy: 'operator', ...more })
  if (!created.ok) throw new Error(created.refusal.message)
  return { id: created.token.id, bearer: `Bearer ${created.text}` }
}

const password = `Basic ${Buffer.from('ann:any').toString('base64')}`
const jwt = 'Bearer a.b.c'
const endedBy = (reason: string) => [['ended', expect.stringContaining(`"reason":"${reason}"`)]]

describe('an event stream ends, and tells why, when', () => {
  it('its token is revoked', async () => {
    const { id, bearer } = await token()
    const { rest } = await listen(bearer)
    await inMemory.tokens.revoke(id, 'operator')
    inMemory.live.recheck()
    expect(await rest).toEqual(endedBy('revoked-token'))
    expect(inMemory.streams.taken).toBe(0)
    expect(inMemory.live.count()).toBe(0)
  })

  it('its token expires, without anybody asking', async () => {
    const { bearer } = await token({ expiresAt: new Date(Date.now() + 300) })
    const { rest } = await listen(bearer)
    expect(await rest).toEqual(endedBy('expired-token'))
  })

  it('its JWT expires', async () => {
    jwtUntil = new Date(Date.now() + 300)
    expect(await (await listen(jwt)).rest).toEqual(endedBy('expired-token'))
  })

  it('the issuer of its JWT is not taken any more', async () => {
    const { rest } = await listen(jwt)
    served = false
    inMemory.live.recheck()
    expect(await rest).toEqual(endedBy('login-withdrawn'))
  })

  it.each([
    ['with a token', async () => (await token()).bearer],
    ['with a password', async () => password],
  ])('its user is removed, who came %s', async (_how, prove) => {
    const { rest } = await listen(await prove())
    users.clear()
    inMemory.live.recheck()
    expect(await rest).toEqual(endedBy('user-removed'))
  })

  it('its role loses the scope', async () => {
    const { rest } = await listen(password)
    roles.set('reader', { ...reader, api: ['rpc'] })
    inMemory.live.recheck()
    expect(await rest).toEqual(endedBy('no-rights'))
  })

  it('the right had ended before it began', async () => {
    const { id, bearer } = await token()
    const { tokens } = inMemory
    const check: typeof tokens.check = tokens.check.bind(tokens)
    // Revoked between the check of the token and the beginning of the stream.
    vi.spyOn(inMemory.tokens, 'check').mockImplementation(async (text) => {
      const checked = await check(text)
      await inMemory.tokens.revoke(id, 'operator')
      return checked
    })
    const answer = await app.request('/api/v1/events', { headers: { authorization: bearer } })
    expect(answer.status).toBe(403)
  })
})

it('a stream whose right stays goes on through every look at it', async () => {
  const { bearer } = await token()
  const other = await token()
  const answer = await app.request('/api/v1/events', { headers: { authorization: bearer } })
  await inMemory.tokens.revoke(other.id, 'operator')
  for (let look = 0; look < 3; look += 1) inMemory.live.recheck()
  await new Promise((resolve) => setImmediate(resolve))
  emitter.emit('pending', { deviceId: 'new', source: '192.0.2.1:1', hostKeyFingerprint: 'SHA256:x' })
  const told: string[] = []
  for await (const part of answer.body ?? []) {
    told.push(Buffer.from(part as Uint8Array).toString())
    if (told.join('').includes('event: pending')) break
  }
  expect(told.join('')).not.toContain('ended')
  await vi.waitFor(() => expect(inMemory.live.count()).toBe(0))
})

it('a stream whose client reads nothing is cut off a moment after its right ended', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'homeport-rights-'))
  const path = join(directory, 'socket')
  const serving = await serveOnSocket(app, { path, log: recordedLog().log })
  if (!serving.ok) throw new Error(serving.failure.message)
  const client = connect(path)
  try {
    const { id, bearer } = await token()
    client.on('error', () => undefined)
    client.write(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${bearer}\r\n\r\n`)
    await once(client, 'data')
    client.pause()
    const software = 'x'.repeat(64 * 1024)
    for (let event = 0; event < 200; event += 1)
      emitter.emit('attached', {
        deviceId: 'router1',
        number: 1,
        source: '',
        hostKeyFingerprint: '',
        software,
        provenBy: 'pin',
      })
    await inMemory.tokens.revoke(id, 'operator')
    inMemory.live.recheck()
    await vi.waitFor(() => expect(inMemory.streams.taken).toBe(0), { timeout: 10_000 })
    expect(inMemory.live.count()).toBe(0)
  } finally {
    client.destroy()
    await serving.served.close()
    await rm(directory, { recursive: true })
  }
})

describe('a call that waits for its device', () => {
  it('does nothing when its right ended meanwhile', async () => {
    const { id, bearer } = await token()
    let opened = 0
    const waits = {
      ...inMemory.fleet,
      whenAttached: async () => {
        await inMemory.tokens.revoke(id, 'operator')
        return true
      },
      openSession: async (...asked: Parameters<typeof inMemory.fleet.openSession>) => {
        opened += 1
        return inMemory.fleet.openSession(...asked)
      },
    }
    roles.set('reader', { ...reader, operations: [{ effect: 'allow', name: '*' }] })
    const { log } = recordedLog()
    const rpc = createRpcService({
      fleet: { ...waits, subscribe: emitter.subscribe },
      limits: () => callLimits,
      audit: { refusal: () => undefined, rpc: () => undefined },
      denied: () => undefined,
    })
    const waiting = createApp({ ...inMemory, rpc, fleet: waits, log, identify: identifyFor(waits) })
    const answer = await waiting.request('/api/v1/devices/router1/edit-config?wait=30s', {
      method: 'POST',
      headers: { authorization: bearer, 'content-type': 'application/json' },
      body: JSON.stringify({ target: 'running', config: '<a xmlns="urn:a"/>' }),
    })
    expect([answer.status, opened]).toEqual([403, 0])
  })
})

function identifyFor(fleet: typeof inMemory.fleet) {
  return identifyByCredentials(
    directoryOf(fleet, inMemory.enrolments),
    {
      find: (name) => users.get(name),
      roles: () => roles,
      tokens: inMemory.tokens,
      authenticatePassword: async () => ({ ok: false, reason: 'wrong-password' }),
      loginLog: { failed: () => undefined },
      checkJwt: () => undefined,
      isServed: () => true,
    },
    recordedLog().log,
  )
}

describe('a session of a client’s own', () => {
  it('is ended with its token, and says why when it is asked for again', async () => {
    const device = deviceInMemory()
    const rpc = createRpcService({
      fleet: { ...device.fleet, whenAttached: async () => true },
      limits: () => callLimits,
      audit: { refusal: () => undefined, rpc: () => undefined },
      denied: () => undefined,
    })
    const fleet = { ...inMemory.fleet, openSession: device.fleet.openSession }
    const own = createApp({ ...inMemory, rpc, fleet, log: recordedLog().log, identify: identifyFor(fleet) })
    const [first, second] = [await token(), await token()]
    const path = '/api/v1/devices/router1/sessions'
    const opened = await own.request(path, { method: 'POST', headers: { authorization: first.bearer } })
    expect(opened.status).toBe(201)
    const { id } = (await opened.json()) as { id: string }
    const again = (bearer: string) => own.request(`${path}/${id}`, { headers: { authorization: bearer } })
    // Of the same user: it is theirs, by whichever token.
    expect((await again(second.bearer)).status).toBe(200)
    await inMemory.tokens.revoke(first.id, 'operator')
    inMemory.live.recheck()
    await vi.waitFor(async () => expect((await again(second.bearer)).status).toBe(410))
    expect(await (await again(second.bearer)).json()).toMatchObject({
      detail: expect.stringContaining('the token was revoked'),
    })
    await vi.waitFor(() => expect(device.open.size).toBe(0))
    expect(inMemory.live.count()).toBe(0)
    device.stop()
  })
})
