import { describe, expect, it } from 'vitest'
import type { Role } from '../../../src/access/authz/role.js'
import type { Scope } from '../../../src/access/authz/scope.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { type Caller, type ProvenUser, userCaller } from '../../../src/northbound/http/middleware/caller.js'
import { attached, enrolment, fleetInMemory, keyA, session } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const role = (devices: readonly string[], api: readonly Scope[]): Role => ({
  devices,
  operations: [{ effect: 'allow', name: '*' }],
  channels: ['netconf'],
  api,
})
const roles = new Map([
  ['tokyo-admin', role(['site=tokyo'], ['read', 'admin'])],
  ['everything-rpc', role(['*'], ['rpc'])],
  ['edge', role(['edge-*'], ['read', 'rpc'])],
])
const onAccount = (as: string, devices: readonly string[]): Role => ({ ...role(devices, ['read', 'rpc']), as })
roles.set('viewer', onAccount('read-only', ['*']))
roles.set('editor', onAccount('full', ['edge-*']))
const room = () =>
  fleetInMemory({
    statuses: [
      attached('t1', { labels: { site: 'tokyo' } }),
      attached('o1', { labels: { site: 'osaka' } }),
      attached('edge-1'),
    ],
    enrolments: [enrolment('t1', 'approved', { presented: keyA }), enrolment('edge-new', 'pending')],
    sessions: ['t1', 'o1', 'edge-1'].map((deviceId) => session(`on-${deviceId}`, { deviceId })),
  })

function callerWith(given: readonly string[], narrowed: Partial<ProvenUser> = {}) {
  const inMemory = room()
  let held = given
  const accounts = {
    find: (name: string) => (name === 'ann' ? { name, authorizedKeys: [], principals: [], roles: held } : undefined),
    roles: () => roles,
  }
  const caller = userCaller(inMemory.devices, accounts, {
    user: 'ann',
    realm: 'local',
    source: '192.0.2.7:1',
    method: 'token',
    ...narrowed,
  })
  const app = createApp({ ...inMemory, log: recordedLog().log, identify: () => ({ ok: true, caller }) })
  return { caller, app, calls: inMemory.calls, become: (next: readonly string[]) => (held = next) }
}

async function failureOf(answer: Response): Promise<unknown> {
  return [answer.status, ((await answer.json()) as { type: string }).type.split(':').at(-1)]
}

async function reaches(caller: Caller): Promise<Record<string, string>> {
  const ids = ['t1', 'o1', 'edge-1', 'none']
  const found = await Promise.all(ids.map((id) => caller.authorise(id)))
  return Object.fromEntries(
    ids.map((id, at) => [id, found[at]?.allowed ? 'allowed' : (found[at]?.refusal.reason ?? '')]),
  )
}

describe('a scope counts on the devices of the roles that have it', () => {
  it('read', async () => {
    const { app } = callerWith(['tokyo-admin', 'everything-rpc', 'edge'])
    expect(await (await app.request('/api/v1/devices')).json()).toMatchObject({
      devices: [{ id: 'edge-1' }, { id: 'edge-new' }, { id: 't1' }],
    })
    expect((await app.request('/api/v1/devices/t1')).status).toBe(200)
    for (const id of ['o1', 'none'])
      expect(await failureOf(await app.request(`/api/v1/devices/${id}`))).toEqual([403, 'no-rights'])
  })

  it('admin', async () => {
    const { app, calls } = callerWith(['tokyo-admin', 'edge'])
    const approve = (id: string) =>
      app.request(`/api/v1/devices/${id}/approve`, {
        method: 'POST',
        body: JSON.stringify({ fingerprint: keyA.fingerprint }),
        headers: { 'Content-Type': 'application/json' },
      })
    expect((await approve('t1')).status).toBe(200)
    expect(await failureOf(await approve('edge-new'))).toEqual([403, 'no-rights'])
    expect(calls).toEqual([['approve', 't1', { name: 'ann', profiles: [] }, { fingerprint: keyA.fingerprint }]])
  })

  it('rpc', async () => {
    expect(await reaches(callerWith(['edge', 'tokyo-admin']).caller)).toEqual({
      t1: 'no-rights',
      o1: 'no-rights',
      'edge-1': 'allowed',
      none: 'no-rights',
    })
    expect(await reaches(callerWith(['everything-rpc']).caller)).toMatchObject({
      o1: 'allowed',
      none: 'unknown-device',
    })
  })
})

describe('a device that waits for approval, or was rejected', () => {
  const enrolments = [enrolment('edge-new', 'pending'), enrolment('edge-bad', 'rejected')]
  const messageTo = async (api: readonly Scope[], id: string, narrowed: Partial<ProvenUser> = {}) => {
    const { devices } = fleetInMemory({ enrolments })
    const account = { name: 'ann', authorizedKeys: [], principals: [], roles: ['some'] }
    const accounts = { find: () => account, roles: () => new Map([['some', role(['*'], api)]]) }
    const proven = { user: 'ann', realm: 'local', source: '192.0.2.7:1', method: 'token', ...narrowed } as const
    const authorisation = await userCaller(devices, accounts, proven).authorise(id)
    return authorisation.allowed ? 'allowed' : `${authorisation.refusal.message}: ${authorisation.refusal.hint}`
  }

  it('is told from one that nobody knows to whoever may see it', async () => {
    expect(await messageTo(['read', 'rpc'], 'edge-new')).toMatch(
      /^device "edge-new" waits for approval: .*: homeport devices approve edge-new$/,
    )
    expect(await messageTo(['read', 'rpc'], 'edge-bad')).toMatch(/was rejected .* homeport devices forget edge-bad,/)
    expect(await messageTo(['read', 'rpc'], 'none')).toMatch(/^no device "none" is known here: check the spelling; /)
  })

  it('looks like one that nobody knows to everybody else', async () => {
    const unknown = /^no device "edge-(new|bad)" is known here: check the spelling; /
    for (const id of ['edge-new', 'edge-bad']) {
      expect(await messageTo(['rpc'], id)).toMatch(unknown)
      expect(await messageTo(['read', 'rpc'], id, { scopes: ['rpc'] })).toMatch(unknown)
      expect(await messageTo(['read', 'rpc'], id, { devices: ['core-*'] })).toMatch(/no rights here/)
      expect(await messageTo(['read'], id)).toMatch(/no rights here/)
    }
  })
})

describe('somebody without a scope', () => {
  it('is told which one is missing, whatever the device', async () => {
    const { app, calls } = callerWith(['everything-rpc'])
    for (const path of ['/api/v1/devices', '/api/v1/devices/t1', '/api/v1/devices/none'])
      expect(await failureOf(await app.request(path))).toEqual([403, 'out-of-scope'])
    const added = await app.request('/api/v1/devices', { method: 'POST', body: 'no JSON' })
    expect(await added.json()).toMatchObject({ detail: expect.stringContaining('`admin`') })
    expect(calls).toEqual([])
  })

  it('includes a user who was removed meanwhile, or lost a role', async () => {
    const { app, become } = callerWith(['edge'])
    expect((await app.request('/api/v1/devices/edge-1')).status).toBe(200)
    become([])
    expect((await app.request('/api/v1/devices/edge-1')).status).toBe(403)
  })
})

describe('what a proof leaves of the rights', () => {
  it('are scopes', async () => {
    const { caller } = callerWith(['edge', 'tokyo-admin'], { scopes: ['read'] })
    expect((['read', 'rpc', 'admin'] as const).map((scope) => caller.may(scope))).toEqual([true, false, false])
    expect(await reaches(caller)).toMatchObject({ 'edge-1': 'no-rights' })
  })

  it('are devices', async () => {
    const { caller, app } = callerWith(['everything-rpc', 'edge'], { devices: ['edge-*'] })
    expect(await reaches(caller)).toMatchObject({ 'edge-1': 'allowed', o1: 'no-rights' })
    expect(await caller.mayOn('rpc', 'o1')).toBe(false)
    expect(await (await app.request('/api/v1/devices')).json()).toMatchObject({
      devices: [{ id: 'edge-1' }, { id: 'edge-new' }],
    })
  })

  it('never adds to them', async () => {
    const { caller } = callerWith(['edge'], { scopes: ['admin', 'read'], devices: ['*'] })
    expect(caller.may('admin')).toBe(false)
    expect(await caller.mayOn('read', 'o1')).toBe(false)
  })
})

describe('sessions', () => {
  it('are seen on the devices that the caller may read, and killed on those of the scope admin', async () => {
    const { app, calls } = callerWith(['tokyo-admin', 'everything-rpc', 'edge'])
    expect(await (await app.request('/api/v1/sessions')).json()).toMatchObject({
      sessions: [{ device: 't1' }, { device: 'edge-1' }],
    })
    const kill = (id: string) => app.request(`/api/v1/sessions/${id}`, { method: 'DELETE' })
    expect(await failureOf(await kill('on-edge-1'))).toEqual([404, 'unknown-session'])
    expect((await kill('on-t1')).status).toBe(204)
    expect(calls).toEqual([['endSession', 'on-t1', 'ann']])
    expect(await failureOf(await callerWith(['edge']).app.request('/api/v1/sessions/x', { method: 'DELETE' }))).toEqual(
      [403, 'out-of-scope'],
    )
  })
})

describe('a caller whose roles name accounts', () => {
  it('has the account for sessions of a device, and none where the roles differ', async () => {
    const { caller, become } = callerWith(['viewer'])
    expect(await caller.authorise('edge-1')).toMatchObject({ allowed: true, account: 'read-only' })
    become(['edge'])
    expect(await caller.authorise('edge-1')).not.toHaveProperty('account')
    become(['edge', 'viewer'])
    expect(await caller.authorise('edge-1')).toMatchObject({ account: 'read-only' })
    become(['viewer', 'editor'])
    expect(await caller.authorise('edge-1')).toMatchObject({
      allowed: false,
      refusal: { reason: 'ambiguous-account', message: expect.stringContaining('editor names full') as string },
    })
    expect(await caller.authorise('t1')).toMatchObject({ allowed: true, account: 'read-only' })
  })

  it('is answered 403 no-rights where they differ, and reaches no device', async () => {
    const { app } = callerWith(['viewer', 'editor'])
    const body = '<get xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>'
    const headers = { 'content-type': 'application/xml' }
    for (const path of ['rpc', 'sessions']) {
      const sent = path === 'rpc' ? { body, headers } : {}
      const answer = await app.request(`/api/v1/devices/edge-1/${path}`, { method: 'POST', ...sent })
      expect(await failureOf(answer)).toEqual([403, 'no-rights'])
    }
  })
})
