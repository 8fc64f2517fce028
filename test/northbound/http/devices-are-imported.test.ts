import { describe, expect, it } from 'vitest'
import type { Role } from '../../../src/access/authz/role.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { userCaller } from '../../../src/northbound/http/middleware/caller.js'
import { attached, enrolment, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const roles = new Map<string, Role>([
  ['edges', { devices: ['edge-*'], operations: [], channels: [], api: ['read', 'admin'], credentials: ['edge'] }],
  ['tokyo', { devices: ['site=tokyo'], operations: [], channels: [], api: ['rpc'] }],
])

function appOfEdgeAdmin() {
  const { devices, ...services } = fleetInMemory({
    statuses: [attached('edge-1', { labels: { site: 'osaka' } })],
    enrolments: [enrolment('edge-1', 'approved', { labels: { site: 'osaka' } })],
  })
  const account = { name: 'ann', authorizedKeys: [], principals: [], roles: ['edges'] }
  const accounts = { find: () => account, roles: () => roles }
  const caller = userCaller(devices, accounts, { user: 'ann', realm: 'local', source: 's', method: 'token' })
  const app = createApp({ ...services, log: recordedLog().log, identify: () => ({ ok: true, caller }) })
  return { app, calls: services.calls }
}

async function importing(...devices: readonly object[]) {
  const { app, calls } = appOfEdgeAdmin()
  const answer = await app.request('/api/v1/devices/import', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ devices }),
  })
  return { status: answer.status, calls, body: (await answer.json()) as { readonly errors?: unknown } }
}

describe('POST /api/v1/devices/import', () => {
  it('enrols for somebody who administers those devices, with the profiles of their roles alone', async () => {
    const { status, calls } = await importing({ id: 'edge-2', credentials: 'edge' }, { id: 'edge-3' })
    expect(status).toBe(200)
    expect(calls).toMatchObject([
      ['import', [{ deviceId: 'edge-2', by: { name: 'ann', profiles: ['edge'] } }, { deviceId: 'edge-3' }], false],
    ])
  })

  it.each([
    ['a device beyond their roles', { id: 'core-1' }, /is not among the devices of your roles/],
    ['credentials that are not theirs to give', { id: 'edge-2', credentials: 'core' }, /may not be given/],
    ['a label that rights go by', { id: 'edge-1', labels: { site: 'tokyo' } }, /which rights go by/],
  ])('enrols none where one is %s', async (_what, device, detail) => {
    const { status, calls, body } = await importing({ id: 'edge-3' }, device)
    expect(status).toBe(409)
    expect(body.errors).toEqual([{ pointer: '#/devices/1', detail: expect.stringMatching(detail) }])
    expect(calls).toEqual([])
  })

  it.each([
    ['no device', []],
    ['too many', Array.from({ length: 201 }, (_, at) => ({ id: `edge-${at}` }))],
    ['a bad id', [{ id: 'a@b' }]],
    ['a bad key', [{ id: 'edge-1', 'host-keys': ['ssh-ed25519 x'] }]],
    ['another field', [{ id: 'edge-1', aliases: [] }]],
  ])('is refused with %s', async (_what, devices) => {
    expect((await importing(...devices)).status).toBe(422)
  })
})
