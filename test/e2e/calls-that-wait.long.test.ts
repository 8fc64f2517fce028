import { join } from 'node:path'
import Database from 'libsql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SimulatedDevice, startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { curl as curlFor } from './support/curl.js'
import { type Asked, curl, type HttpAnswer } from './support/http-api.js'
import { endAfterEach } from './support/resources.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()
const later = { Prefer: 'respond-async' }
const asked = { body: '<get-config><source><running/></source></get-config>' }

const ids = [
  'waited-for',
  'late',
  'restarted',
  'cancelled',
  'expired',
  'private',
  'repeated',
  'busy',
  'upgraded',
  'edited',
]
const config: ConfigFile = {
  credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
  devices: ids.map((id) => ({ id, secret: `secret of ${id}` })),
  users: [opsUser(), opsUser({ name: 'other' })],
  roles: { operator: { devices: ['*'], operations: ['*'] } },
  endpoint: { http: { 'max-jobs-per-user': 6, 'max-wait': '20s' } },
}

interface Job {
  readonly id: string
  readonly state: string
  readonly operation: string
  readonly answer: { readonly status: number; readonly contentType: string; readonly body: string } | null
}

const jobIn = ({ body }: HttpAnswer): Job => JSON.parse(body) as Job
const problemIn = ({ status, body }: HttpAnswer): string =>
  `${status} ${(JSON.parse(body) as { type: string }).type.split(':').at(-1)}`

function dial(bridge: RunningBridge, id: string, more: { readonly maxSessions?: number } = {}): SimulatedDevice {
  return own(
    startSimulatedDevice({
      id,
      bridge: { host: bridge.host, port: bridge.callHomePort },
      secret: `secret of ${id}`,
      username: deviceLogin.user,
      password: deviceLogin.password,
      ...more,
    }),
  )
}

/** A job once it is in this state. */
function jobThatIs(bridge: RunningBridge, state: string, id: string): Promise<Job> {
  return waitFor(
    `job ${id} to be ${state}`,
    async () => {
      const job = jobIn(await curl(bridge, `/api/v1/jobs/${id}`, { method: 'GET' }))
      return job.state === state && job
    },
    20_000,
  )
}

let bridge: RunningBridge
beforeAll(async () => {
  bridge = await startBridge(config)
})
afterAll(() => bridge?.stop())

const on = (path: string, more: Asked = {}): Promise<HttpAnswer> =>
  curl(bridge, `/api/v1/devices/${path}`, { ...asked, ...more })

/** Leaves a call for a device that is not there. */
async function leave(path: string, more: Asked = {}): Promise<Job> {
  const answer = await on(path, { ...more, headers: { ...later, ...more.headers } })
  expect(answer).toMatchObject({ status: 202, headers: { 'preference-applied': 'respond-async' } })
  expect(answer.headers['location']).toBe(`/api/v1/jobs/${jobIn(answer).id}`)
  return jobIn(answer)
}

describe('?wait=', () => {
  it('holds the call until the device calls home', async () => {
    const answering = on('waited-for/rpc?wait=20s')
    await waitFor('the call to wait', async () =>
      /^homeport_session_queue 1$/m.test((await curl(bridge, '/metrics', { method: 'GET' })).body),
    )
    dial(bridge, 'waited-for')
    expect(await answering).toMatchObject({ status: 200, body: expect.stringContaining('>waited-for<') as string })
  })

  it('is over when its time is, with what the call would have been answered with', async () => {
    const began = performance.now()
    expect(problemIn(await on('late/rpc?wait=1s'))).toBe('503 not-connected')
    expect(performance.now() - began).toBeGreaterThan(990)
  })

  it.each(['?wait=soon', '?wait=21s'])('%s is told to be wrong', async (query) => {
    expect(problemIn(await on(`late/rpc${query}`))).toBe('422 invalid-request')
  })
})

describe('a call that becomes a job', () => {
  it('is answered at once, and carried out when the device calls home', async () => {
    const left = await leave('late/get-config', {
      body: { source: 'running' },
      headers: { Accept: 'application/json' },
    })
    expect(left).toMatchObject({ state: 'queued', device: 'late', operation: 'get-config', answer: null })
    dial(bridge, 'late')
    const { answer } = await jobThatIs(bridge, 'done', left.id)
    expect(answer).toMatchObject({ status: 200, contentType: 'application/json' })
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ 'rpc-reply': { data: expect.anything() as unknown } })
    const bare = await leave('late/get-config', { body: undefined })
    expect((await jobThatIs(bridge, 'done', bare.id)).answer).toMatchObject({
      status: 200,
      body: expect.stringContaining('>late<') as string,
    })
    // Now that the device is there, so is the answer.
    const again = await leave('late/rpc', { body: '<no-such-operation xmlns="urn:x"/>' })
    const refused = await jobThatIs(bridge, 'done', again.id)
    expect(refused.answer).toMatchObject({ contentType: 'application/problem+json' })
    expect(refused.answer?.body).toContain('operation-not-supported')
  })

  it('outlives a crash of the bridge', async () => {
    const first = own(await startBridge(config))
    const answer = await curl(first, '/api/v1/devices/restarted/rpc', { ...asked, headers: later })
    expect(answer.status).toBe(202)
    const cancelled = jobIn(await curl(first, '/api/v1/devices/restarted/rpc', { ...asked, headers: later })).id
    await curl(first, `/api/v1/jobs/${cancelled}`, { method: 'DELETE' })
    await first.kill()

    const second = own(await startBridge(config, { directory: first.directory }))
    const { id } = jobIn(answer)
    expect(jobIn(await curl(second, `/api/v1/jobs/${id}`, { method: 'GET' }))).toEqual(jobIn(answer))
    dial(second, 'restarted')
    const done = await jobThatIs(second, 'done', id)
    expect(done.answer).toMatchObject({ status: 200, body: expect.stringContaining('>restarted<') as string })
    expect(await jobThatIs(second, 'cancelled', cancelled)).toMatchObject({ answer: null })
  })

  it('of version 0.1, which kept the call as it was sent, is carried out after an upgrade', async () => {
    const first = own(await startBridge(config))
    const ask = (path: string, more: Asked) =>
      curl(first, `/api/v1/devices/upgraded/${path}`, { ...more, headers: later })
    const read = jobIn(await ask('get-config', { body: { source: 'running' } })).id
    const faulty = jobIn(await ask('edit-config', { body: { target: 'candidate', config: '<x xmlns="urn:x"/>' } })).id
    await first.kill()
    const sent = { contentType: 'application/json', accept: 'application/json' }
    const path = (name: string) => `/api/v1/devices/upgraded/${name}?timeout=20s`
    const database = new Database(join(first.directory, 'data', 'homeport.db'))
    const rewrite = database.prepare('UPDATE job SET request = ? WHERE id = ?')
    rewrite.run(JSON.stringify({ ...sent, path: path('get-config'), body: '{"source":"running"}' }), read)
    rewrite.run(JSON.stringify({ ...sent, path: path('edit-config'), body: '{"target":"candidate"}' }), faulty)
    database.close()

    const second = own(await startBridge(config, { directory: first.directory }))
    const shown = jobIn(await curl(second, `/api/v1/jobs/${read}`, { method: 'GET' }))
    expect(shown).toMatchObject({ state: 'queued', operation: 'get-config' })
    dial(second, 'upgraded')
    const { answer } = await jobThatIs(second, 'done', read)
    expect(answer).toMatchObject({ status: 200, contentType: 'application/json' })
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ 'rpc-reply': { data: expect.anything() as unknown } })
    const refused = await jobThatIs(second, 'done', faulty)
    expect(refused.answer).toMatchObject({ status: 422, contentType: 'application/problem+json' })
    expect(refused.answer?.body).toContain('#/config')
  })

  it('is read before it is kept, so that what cannot be read is told at once', async () => {
    const wrong = { body: '<get>', headers: later }
    expect(problemIn(await on('late/rpc', wrong))).toBe('400 malformed-xml')
    expect(problemIn(await on('late/get-config', { body: { sauce: 1 }, headers: later }))).toBe('422 invalid-request')
  })

  it('of a transaction is answered as the transaction would have been', async () => {
    dial(bridge, 'edited')
    const { id } = await leave('edited/transaction', { body: { edits: [{ config: '<x xmlns="urn:x"/>' }] } })
    const { answer, operation } = await jobThatIs(bridge, 'done', id)
    expect(operation).toBe('transaction')
    const now = await on('edited/transaction', { body: { edits: [{ config: '<x xmlns="urn:x"/>' }] } })
    expect(answer?.status).toBe(now.status)
    const steps = ({ body }: { readonly body: string }) =>
      (JSON.parse(body) as { steps: { operation: string; outcome: string }[] }).steps.map((step) => [
        step.operation,
        step.outcome,
      ])
    expect(steps(answer ?? { body: '{}' })).toEqual(steps(now))
  })

  it('can be taken back until it begins, and forgotten afterwards', async () => {
    const { id } = await leave('cancelled/commit', { body: {} })
    const remove = (): Promise<HttpAnswer> => curl(bridge, `/api/v1/jobs/${id}`, { method: 'DELETE' })
    expect(jobIn(await remove())).toMatchObject({ id, state: 'cancelled' })
    dial(bridge, 'cancelled')
    await bridge.logged(/^link attached/, { deviceId: 'cancelled' })
    expect(jobIn(await remove())).toMatchObject({ id, state: 'cancelled', answer: null })
    expect(problemIn(await remove())).toBe('404 unknown-job')
  })

  it('waits no longer than it says', async () => {
    const { id } = await leave('expired/rpc?expires=1s')
    const { answer } = await jobThatIs(bridge, 'expired', id)
    expect(answer?.body).toContain('urn:homeport:problem:job-expired')
    expect(problemIn(await on('expired/rpc?expires=tomorrow', { headers: later }))).toBe('422 invalid-request')
  })

  it('is the same job where its Idempotency-Key is the same', async () => {
    const headers = { 'Idempotency-Key': 'once' }
    const { id } = await leave('repeated/rpc', { headers })
    const again = await on('repeated/rpc', { headers: { ...later, ...headers } })
    expect(again).toMatchObject({ status: 202, headers: { location: `/api/v1/jobs/${id}` } })
    expect(jobIn(again).id).toBe(id)
  })

  it('is not left for a device that is not known', async () => {
    expect(problemIn(await on('nobody/rpc', { headers: later }))).toBe('404 unknown-device')
  })

  it('is not made of a call on a session', async () => {
    expect((await on('late/sessions/none/get', { body: {}, headers: later })).status).toBe(404)
  })

  it('waits on where the device has no free session', async () => {
    dial(bridge, 'busy', { maxSessions: 1 })
    await bridge.logged(/^link attached/, { deviceId: 'busy' })
    const opened = await on('busy/sessions', { body: undefined })
    const { id: session } = JSON.parse(opened.body) as { id: string }
    const { id } = await leave('busy/edit-config', { body: { target: 'candidate', config: '<x xmlns="urn:x"/>' } })
    await curl(bridge, `/api/v1/devices/busy/sessions/${session}`, { method: 'DELETE' })
    const { answer } = await jobThatIs(bridge, 'done', id)
    expect(answer?.status).not.toBe(503)
  })

  it('is shown to its owner alone, and there are only so many', async () => {
    const asUser = async (user: string, path: string, ...words: readonly string[]) =>
      curlFor('-u', `${user}:${ops.password}`, ...words, `${bridge.httpUrl}${path}`)
    const post = ['-H', 'Prefer: respond-async', '-H', 'Content-Type: application/xml', '-d', asked.body]
    const left = await asUser('ops', '/api/v1/devices/private/rpc', ...post)
    expect(left.status).toBe(202)
    const { id } = JSON.parse(left.body) as Job
    expect(await asUser('ops', `/api/v1/jobs/${id}`)).toMatchObject({ status: 200, body: left.body })
    expect(await asUser('other', `/api/v1/jobs/${id}`)).toMatchObject({ status: 404 })
    expect(await asUser('other', `/api/v1/jobs/${id}`, '-X', 'DELETE')).toMatchObject({ status: 404 })
    const listed = async (user: string): Promise<readonly string[]> => {
      const { body } = await asUser(user, '/api/v1/jobs?device=private&state=queued')
      return (JSON.parse(body) as { jobs: Job[] }).jobs.map((job) => job.id)
    }
    expect(await listed('other')).toEqual([])
    expect(await listed('ops')).toEqual([id])
    for (let more = 1; more < 6; more++)
      expect(await asUser('ops', '/api/v1/devices/private/rpc', ...post)).toMatchObject({ status: 202 })
    const refused = await asUser('ops', '/api/v1/devices/private/rpc', ...post)
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '30' } })
    expect(refused.body).toContain('max-jobs-per-user')
  })
})
