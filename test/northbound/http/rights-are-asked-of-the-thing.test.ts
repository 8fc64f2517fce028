import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OPERATIONS } from '../../../src/operations/register.js'
import type { Role } from '../../../src/access/authz/role.js'
import type { Scope } from '../../../src/access/authz/scope.js'
import { createFleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import type { Api } from '../../../src/northbound/http/api.js'
import { createApp } from '../../../src/northbound/http/app.js'
import {
  type Caller,
  operatorCaller,
  type ProvenUser,
  userCaller,
} from '../../../src/northbound/http/middleware/caller.js'
import type { QueuedJob } from '../../../src/rpc/jobs/job-request.js'
import { createJobQueue, type JobQueue } from '../../../src/rpc/jobs/job-queue.js'
import { attached, enrolment, fleetInMemory, keyA, session } from './fleet-in-memory.js'
import { getOn } from './jobs-in-memory.js'
import { recordedLog } from './recorded-log.js'

const role = (devices: readonly string[], api: readonly Scope[], operations = '*'): Role => ({
  devices,
  operations: [{ effect: 'allow', name: operations }],
  channels: ['netconf'],
  api,
})

const roles = new Map([
  ['everything', role(['*'], ['read', 'rpc', 'admin'])],
  ['edge-admin', { ...role(['edge-*'], ['read', 'rpc', 'admin']), credentials: ['edge'] }],
  ['edge-admin-that-reads', role(['edge-*'], ['read', 'rpc', 'admin'], 'get')],
  ['edge-user', role(['edge-*'], ['read', 'rpc'])],
  ['reader', role(['*'], ['read'])],
])

/** Everybody who may ask. `ann` is three people: a user of the configuration, one of an issuer, one of the hook. */
const people = {
  operator: 'operator',
  root: { user: 'root', roles: ['everything'] },
  'root by a token for edge': {
    user: 'root',
    roles: ['everything'],
    method: 'token',
    token: 'edgetoken',
    devices: ['edge-*'],
  },
  'edge admin': { user: 'eve', roles: ['edge-admin'] },
  'edge admin under rules': { user: 'rik', roles: ['edge-admin-that-reads'] },
  ann: { user: 'ann', roles: ['edge-user'] },
  'ann by a token to read': {
    user: 'ann',
    roles: ['edge-user'],
    method: 'token',
    token: 'readtoken',
    scopes: ['read'],
  },
  'ann of an issuer': { user: 'ann', roles: ['edge-user'], realm: 'issuer https://id.example', method: 'jwt' },
  'ann of the hook': { user: 'ann', roles: ['edge-user'], realm: 'hook', method: 'password' },
  reader: { user: 'rob', roles: ['reader'] },
  nobody: { user: 'gone', roles: [] },
} as const satisfies Record<string, 'operator' | (Partial<ProvenUser> & { user: string; roles: readonly string[] })>

type Person = keyof typeof people

const names = Object.keys(people) as Person[]

let app: Api
let jobs: JobQueue
let callers: Map<Person, Caller>
let calls: unknown[][]
/** Whether a device that was added is known from then on. */
let known: boolean
/** By what the tests call it. */
let ids: Map<string, string>

const owners = {
  ann: { realm: 'local', name: 'ann' },
  operator: { realm: 'operator', name: 'operator' },
} as const

beforeEach(async () => {
  const inMemory = fleetInMemory({
    statuses: [
      { ...attached('edge-1'), link: undefined } as never,
      { ...attached('core-1'), link: undefined } as never,
    ],
    enrolments: [
      enrolment('edge-new', 'pending', { presented: keyA }),
      enrolment('core-new', 'pending', { presented: keyA }),
    ],
    sessions: [session('on-edge-1', { deviceId: 'edge-1' }), session('on-core-1', { deviceId: 'core-1' })],
    findAuditEvents: async () => ({
      lines: ['edge-1', 'core-1', undefined].map((deviceId) =>
        JSON.stringify({ time: '2026-01-01T00:00:00.000Z', event: 'rpc', deviceId }),
      ),
    }),
  })
  const { fleet } = inMemory
  calls = inMemory.calls
  known = true
  const add: typeof inMemory.enrolments.add = (...asked) => inMemory.enrolments.add(...asked)
  const enrolments = {
    ...inMemory.enrolments,
    add: async (...asked: Parameters<typeof add>) =>
      known ? add(...asked) : { ok: true as const, enrolment: enrolment(asked[0].deviceId, 'approved') },
  }
  jobs = await createJobQueue({
    store: {
      list: async () => [],
      put: async () => ({ ok: true, value: undefined }),
      remove: async () => ({ ok: true, value: undefined }),
    },
    fleet: { ...fleet, subscribe: createFleetEmitter().subscribe },
    ended: async () => undefined,
    denied: async () => undefined,
    run: async () => ({ answer: { status: 200, contentType: 'text/plain', body: 'never' }, reached: true }),
    limits: () => ({
      maxJobs: 100,
      maxJobsPerUser: 100,
      jobLifetime: 60_000,
      maxJobLifetime: 60_000,
      jobRetention: 60_000,
    }),
    log: recordedLog().log,
  })
  ids = new Map()
  for (const [name, owner, deviceId] of [
    ["ann's on edge-1", owners.ann, 'edge-1'],
    ["ann's on core-1", owners.ann, 'core-1'],
    ["the operator's on edge-1", owners.operator, 'edge-1'],
  ] as const) {
    const submitted = await jobs.submit({ deviceId, owner, request: getOn(deviceId) })
    if (submitted.ok) ids.set(name, submitted.job.id)
  }
  for (const user of ['ann', 'root']) {
    const created = await inMemory.tokens.create({ user, createdBy: 'operator' })
    if (created.ok) ids.set(`token of ${user}`, created.token.id)
  }
  callers = new Map(
    names.map((name) => {
      const person: (typeof people)[Person] = people[name]
      if (person === 'operator') return [name, operatorCaller(inMemory.devices)]
      const { user, roles: held, ...proven } = person
      const account = { name: user, authorizedKeys: [], principals: [], roles: held }
      const accounts = { find: () => account, roles: () => roles }
      return [
        name,
        userCaller(inMemory.devices, accounts, {
          user,
          realm: 'local',
          method: 'password',
          source: '192.0.2.7:1',
          ...proven,
        }),
      ]
    }),
  )
  app = createApp({
    ...inMemory,
    enrolments,
    jobs,
    nodes: () => [
      {
        id: 'a',
        incarnation: 7,
        state: 'up',
        address: '10.0.0.1:4350',
        version: '1.2.3',
        seen: new Date(1_000),
        devices: 2,
        reached: true,
        self: true,
      },
    ],
    log: recordedLog().log,
    identify: (c) => {
      const caller = callers.get(c.req.header('x-caller') as Person)
      return caller === undefined ? { ok: false, response: c.json({}, 401) } : { ok: true, caller }
    },
  })
})
afterEach(() => jobs.close())

async function ask(person: Person, path: string, init: RequestInit = {}): Promise<Response> {
  return app.request(path, { ...init, headers: { 'x-caller': person, 'content-type': 'application/json' } })
}

/** Who is answered with success. */
async function allowed(path: string, init: RequestInit = {}): Promise<readonly Person[]> {
  const answers = await Promise.all(names.map(async (name) => [name, await ask(name, path, init)] as const))
  return answers.filter(([, { ok }]) => ok).map(([name]) => name)
}

/** Who finds what in a list; whoever may not ask at all is left out. */
async function listed(
  path: string,
  idsOf: (body: never) => readonly string[],
): Promise<Record<string, readonly string[]>> {
  const called = new Map([...ids].map(([name, id]) => [id, name]))
  const found = await Promise.all(
    names.map(async (name) => {
      const answer = await ask(name, path)
      const shown = answer.ok ? idsOf((await answer.json()) as never).map((id) => called.get(id) ?? id) : []
      return [name, shown] as const
    }),
  )
  return Object.fromEntries(found.filter(([, shown]) => shown.length > 0))
}

describe('a job', () => {
  const all = ["ann's on edge-1", "ann's on core-1", "the operator's on edge-1"]
  const onEdge = [all[0], all[2]]

  it('is listed to its owner on a device that is still the owner’s, and to who administers the device', async () => {
    expect(
      await listed('/api/v1/jobs', ({ jobs: shown }: { jobs: { id: string }[] }) => shown.map(({ id }) => id)),
    ).toEqual({
      operator: all,
      root: all,
      'root by a token for edge': onEdge,
      'edge admin': onEdge,
      'edge admin under rules': onEdge,
      ann: [all[0]],
    })
  })

  it.each([
    [
      "ann's on edge-1",
      ['operator', 'root', 'root by a token for edge', 'edge admin', 'edge admin under rules', 'ann'],
    ],
    ["ann's on core-1", ['operator', 'root']],
    [
      "the operator's on edge-1",
      ['operator', 'root', 'root by a token for edge', 'edge admin', 'edge admin under rules'],
    ],
  ])('%s is read by, and taken back by, these alone', async (name, whom) => {
    expect(await allowed(`/api/v1/jobs/${ids.get(name)}`)).toEqual(whom)
    for (const person of names.filter((each) => !whom.includes(each))) {
      const path = `/api/v1/jobs/${ids.get(name)}`
      expect([404, 403]).toContain((await ask(person, path, { method: 'DELETE' })).status)
      expect(jobs.get(ids.get(name) ?? '')?.state).toBe('queued')
    }
    const least = whom.at(-1) as Person
    expect((await ask(least, `/api/v1/jobs/${ids.get(name)}`, { method: 'DELETE' })).status).toBe(200)
    expect(jobs.get(ids.get(name) ?? '')?.state).toBe('cancelled')
  })

  it('of somebody else shows its answer to those alone who may do everything on the device', async () => {
    const done: QueuedJob = {
      id: 'done',
      deviceId: 'edge-1',
      owner: owners.ann,
      createdAt: new Date(),
      expiresAt: new Date(),
      request: { path: '/x', contentType: '', accept: '', body: '' },
      state: 'done',
      answer: { status: 200, contentType: 'application/xml', body: 'a configuration' },
    }
    jobs = { ...jobs, get: () => done }
    const inMemory = fleetInMemory({ statuses: [attached('edge-1')] })
    for (const [person, seen] of [
      ['ann', true],
      ['edge admin', true],
      ['operator', true],
      ['edge admin under rules', false],
    ] as const) {
      const caller = callers.get(person) as Caller
      const shown = createApp({ ...inMemory, jobs, log: recordedLog().log, identify: () => ({ ok: true, caller }) })
      const body = (await (await shown.request('/api/v1/jobs/done')).json()) as { answer: unknown }
      expect([person, body.answer !== null]).toEqual([person, seen])
    }
  })
})

describe('a token', () => {
  it('is listed to its user, and all of them to who administers every device', async () => {
    const both = ['token of ann', 'token of root']
    expect(
      await listed('/api/v1/tokens', ({ tokens }: { tokens: { id: string }[] }) => tokens.map(({ id }) => id)),
    ).toEqual({ operator: both, root: both })
  })

  it('is made by the operator, and with a password by a user of the configuration for nobody else', async () => {
    const make = (user: string) => {
      const body = JSON.stringify({ user, scopes: ['read'] })
      return allowed('/api/v1/tokens', { method: 'POST', body })
    }
    expect(await make('eve')).toEqual(['operator'])
    // Each of these asks for one of their own; there is room for few.
    for (const [person, user, status] of [
      ['root by a token for edge', 'root', 403],
      ['ann of an issuer', 'ann', 403],
      ['edge admin', 'root', 403],
      ['edge admin', 'eve', 409],
    ] as const) {
      const answer = await ask(person, '/api/v1/tokens', { method: 'POST', body: JSON.stringify({ user }) })
      expect([person, answer.status]).toEqual([person, status])
    }
    const byHook = { ...(callers.get('edge admin') as Caller), grantedRoles: ['edge-admin'] }
    callers.set('edge admin', byHook)
    const answer = await ask('edge admin', '/api/v1/tokens', { method: 'POST', body: JSON.stringify({ user: 'eve' }) })
    expect(answer.status).toBe(403)
  })

  it('is revoked by the same alone, and nobody else learns that it exists', async () => {
    const path = `/api/v1/tokens/${ids.get('token of root')}`
    const unknown = '/api/v1/tokens/000000000000'
    for (const person of names.filter((each) => each !== 'operator' && each !== 'root')) {
      const [one, other] = await Promise.all([path, unknown].map((each) => ask(person, each, { method: 'DELETE' })))
      expect([person, one?.status]).toEqual([person, other?.status])
      expect(one?.ok).toBe(false)
    }
    expect((await ask('root', path, { method: 'DELETE' })).status).toBe(200)
  })
})

describe('a credentials profile', () => {
  const add = (credentials: string) => (id: string) =>
    allowed('/api/v1/devices', { method: 'POST', body: JSON.stringify({ id, credentials }) })

  it.each([
    ['core', 'edge-9', ['operator', 'root']],
    ['none-such', 'edge-9', ['operator', 'root']],
    ['edge', 'edge-9', ['operator', 'root', 'edge admin']],
    ['edge', 'core-9', ['operator', 'root']],
  ])('%s is given to %s by those alone who administer every device, or whose role lists it', async (name, id, whom) => {
    // Each anew: who comes first would leave nothing to add for the next.
    known = false
    expect(await add(name)(id)).toEqual(whom)
  })

  it('that may not be given is not told to exist', async () => {
    const answers = await Promise.all(
      ['core', 'none-such'].map(async (credentials) => {
        const body = JSON.stringify({ id: 'edge-9', credentials })
        const answer = await ask('edge admin', '/api/v1/devices', { method: 'POST', body })
        const { requestId: _own, ...told } = (await answer.json()) as Record<string, string>
        return JSON.stringify(told).replaceAll(credentials, 'X')
      }),
    )
    expect(answers[0]).toBe(answers[1])
    expect(answers[0]).toContain('credentials-not-allowed')
  })

  it('is not among those of a device that a delegated administrator approves, or binds anew', async () => {
    for (const [person, decider] of [
      ['edge admin', { name: 'eve', profiles: ['edge'] }],
      ['root by a token for edge', { name: 'root', profiles: [] }],
      ['root', 'root'],
      ['operator', 'operator'],
    ] as const)
      for (const verb of ['approve', 'repin']) {
        calls.length = 0
        await ask(person, `/api/v1/devices/edge-new/${verb}`, {
          method: 'POST',
          body: JSON.stringify({ fingerprint: keyA.fingerprint }),
        })
        expect([person, calls[0]?.slice(0, 3)]).toEqual([person, [verb, 'edge-new', decider]])
      }
  })
})

/** Everybody with a scope on a device of theirs, and on one that is only for those who have all. */
const withScope = {
  read: {
    edge: names.filter((name) => name !== 'nobody'),
    core: ['operator', 'root', 'reader'],
  },
  rpc: {
    edge: names.filter((name) => !['nobody', 'reader', 'ann by a token to read'].includes(name)),
    core: ['operator', 'root'],
  },
  admin: {
    edge: ['operator', 'root', 'root by a token for edge', 'edge admin', 'edge admin under rules'],
    core: ['operator', 'root'],
  },
} as const satisfies Record<Scope, Record<'edge' | 'core', readonly Person[]>>

/**
 * What of the API is about one device, which its path names: whoever has the scope on that device is let in, and nobody
 * else.
 */
const onDevice: Readonly<Record<string, Scope>> = {
  'GET /api/v1/devices/{id}': 'read',
  'DELETE /api/v1/devices/{id}': 'admin',
  'PATCH /api/v1/devices/{id}': 'admin',
  'POST /api/v1/devices/{id}/approve': 'admin',
  'POST /api/v1/devices/{id}/disconnect': 'admin',
  'POST /api/v1/devices/{id}/reject': 'admin',
  'POST /api/v1/devices/{id}/repin': 'admin',
  'GET /api/v1/devices/{id}/notifications': 'rpc',
  'POST /api/v1/devices/{id}/sessions': 'rpc',
  'POST /api/v1/devices/{id}/transaction': 'rpc',
  ...Object.fromEntries(
    ['rpc', ...OPERATIONS.map(({ name }) => name)].map(
      (operation) => [`POST /api/v1/devices/{id}/${operation}`, 'rpc'] as const,
    ),
  ),
}

/**
 * What is about things that others may have made, or about several devices: each has tests of its own, here or where it
 * says.
 */
const onThings: Readonly<Record<string, Scope | 'nobody in particular'>> = {
  'GET /healthz': 'nobody in particular',
  'GET /livez': 'nobody in particular',
  'GET /readyz': 'nobody in particular',
  'GET /startupz': 'nobody in particular',
  'GET /openapi.json': 'nobody in particular',
  'GET /docs': 'nobody in particular',
  'GET /metrics': 'read',
  'GET /api/v1/bridge': 'read',
  'GET /api/v1/devices': 'read',
  'POST /api/v1/devices': 'admin',
  'GET /api/v1/sessions': 'read',
  'DELETE /api/v1/sessions/{sid}': 'admin',
  'GET /api/v1/nodes': 'admin',
  'GET /api/v1/audit': 'admin',
  'GET /api/v1/tokens': 'admin',
  'POST /api/v1/tokens': 'admin',
  'DELETE /api/v1/tokens/{tokenId}': 'admin',
  'GET /api/v1/jobs': 'rpc',
  'GET /api/v1/jobs/{id}': 'rpc',
  'DELETE /api/v1/jobs/{id}': 'rpc',
  'POST /api/v1/rpc': 'rpc',
  'GET /api/v1/events': 'read',
  // With every operation on it: a session is found by who owns it, a session of a client's own below.
  // devices-are-imported.test.ts
  'POST /api/v1/devices/import': 'admin',
  'GET /api/v1/devices/{id}/sessions/{sid}': 'rpc',
  'DELETE /api/v1/devices/{id}/sessions/{sid}': 'rpc',
}

describe('every route', () => {
  it('has a rule here about who may ask it of what', async () => {
    const document = (await (await app.request('/openapi.json')).json()) as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly security?: unknown }>>>>
    }
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const onSession = routes.filter((route) => /^POST .*\/sessions\/\{sid\}\/[a-z-]+$/.test(route))
    expect(onSession.length).toBeGreaterThan(5)
    const ruled = new Set([...Object.keys(onDevice), ...Object.keys(onThings), ...onSession])
    const unruled = routes.filter((route) => !ruled.has(route))
    expect(unruled, 'say in onDevice or onThings who may ask this of what, and test it').toEqual([])
  })

  it.each(Object.entries(onDevice))('%s is for those with `%s` on that device alone', async (route, scope) => {
    const [method = '', path = ''] = route.split(' ')
    for (const device of ['edge', 'core'] as const) {
      const letIn: Person[] = []
      for (const name of names) {
        const answer = await ask(name, path.replace('{id}', `${device}-1`), {
          method,
          ...(method === 'POST' ? { body: '{}' } : {}),
        })
        const text = answer.status === 403 ? await answer.text() : ''
        await answer.body?.cancel().catch(() => undefined)
        // A rule on operations is asked only of who has the right.
        if (answer.status !== 403 || text.includes('operation-forbidden')) letIn.push(name)
      }
      expect([device, letIn]).toEqual([device, withScope[scope][device]])
    }
  })

  it.each(Object.entries(onDevice).filter(([route]) => route.startsWith('POST')))(
    '%s answers a device of others as one that there is not',
    async (route) => {
      const path = route.split(' ')[1] ?? ''
      const told = await Promise.all(
        ['core-1', 'core-77'].map(async (id) => {
          const answer = await ask('edge admin', path.replace('{id}', id), { method: 'POST', body: '{}' })
          const { requestId: _own, ...problem } = (await answer.json()) as Record<string, unknown>
          return JSON.stringify(problem).replaceAll(id, 'ID')
        }),
      )
      expect(told[0]).toBe(told[1])
    },
  )

  it.each(Object.entries(onThings).filter(([, scope]) => scope !== 'nobody in particular'))(
    '%s is refused to whoever has the scope `%s` nowhere',
    async (route, scope) => {
      const [method = '', path = ''] = route.split(' ')
      for (const name of names) {
        if ((withScope[scope as Scope].edge as readonly Person[]).includes(name) || name === 'reader') continue
        const answer = await ask(name, path.replace('{id}', 'edge-1'), {
          method,
          ...(method === 'POST' ? { body: '{}' } : {}),
        })
        void answer.body?.cancel()
        expect([name, answer.status]).toEqual([name, 403])
      }
    },
  )
})

describe('lists hold what is the caller’s to see', () => {
  const byDevice = (body: Record<string, readonly { readonly device?: string; readonly id: string }[]>, key: string) =>
    (body[key] ?? []).map(({ device, id }) => device ?? id)

  it('devices, pending ones included', async () => {
    const seen = await listed('/api/v1/devices', (body) => byDevice(body, 'devices'))
    for (const name of names) {
      const ids = seen[name] ?? []
      const may = (device: 'edge' | 'core') => (withScope.read[device] as readonly Person[]).includes(name)
      expect([name, ids.includes('edge-new'), ids.includes('core-new')]).toEqual([name, may('edge'), may('core')])
    }
  })

  it('sessions, which are ended with `admin` on their device alone', async () => {
    const seen = await listed('/api/v1/sessions', (body) => byDevice(body, 'sessions'))
    for (const name of names)
      expect([name, seen[name]?.includes('core-1') ?? false]).toEqual([
        name,
        (withScope.read.core as readonly Person[]).includes(name),
      ])
    for (const name of names.filter((each) => !(withScope.admin.core as readonly Person[]).includes(each)))
      expect([403, 404]).toContain((await ask(name, '/api/v1/sessions/on-core-1', { method: 'DELETE' })).status)
    expect(calls.filter(([call]) => call === 'endSession')).toEqual([])
  })

  it('nodes of the cluster, for who administers all', async () => {
    const seen = await listed('/api/v1/nodes', ({ nodes }: { nodes: { id: string; seen: string }[] }) =>
      nodes.map((node) => `${node.id} ${node.seen}`),
    )
    const all = ['a 1970-01-01T00:00:01.000Z']
    expect(seen).toEqual({
      operator: all,
      root: all,
    })
  })

  it('lines of the audit, of which those about no device are for who administers all', async () => {
    const seen = await listed('/api/v1/audit', ({ lines }: { lines: { deviceId?: string }[] }) =>
      lines.map(({ deviceId }) => deviceId ?? 'none'),
    )
    const all = ['edge-1', 'core-1', 'none']
    expect(seen).toEqual({
      operator: all,
      root: all,
      'root by a token for edge': ['edge-1'],
      'edge admin': ['edge-1'],
      'edge admin under rules': ['edge-1'],
    })
    const other = await ask('edge admin', '/api/v1/audit?device=core-1&limit=1')
    expect(await other.json()).toEqual({ lines: [], next: null })
  })
})

it('a device that waits for the decision of others is not taken over by adding it with labels of one’s own', async () => {
  const caller = callers.get('edge admin') as Caller
  callers.set('edge admin', { ...caller, mayOnNew: () => true })
  const body = JSON.stringify({ id: 'core-new', labels: { site: 'edge' } })
  expect((await ask('edge admin', '/api/v1/devices', { method: 'POST', body })).status).toBe(409)
  expect(calls).toEqual([])
})

describe('the record', () => {
  it('names no session that is not the caller’s, whatever the path names', async () => {
    const denied = await ask('edge admin under rules', '/api/v1/devices/edge-1/sessions/of-another/discard-changes', {
      method: 'POST',
      body: '{}',
    })
    expect(denied.status).toBe(403)
    expect(calls.filter(([kind]) => kind === 'rpc').map(([, entry]) => entry)).toMatchObject([
      { user: 'rik', operation: 'discard-changes', outcome: 'access-denied' },
    ])
    expect(JSON.stringify(calls)).not.toContain('of-another')
  })
})
