import { describe, expect, it } from 'vitest'
import type { Role } from '../../../src/access/authz/role.js'
import { createApp } from '../../../src/northbound/http/app.js'
import { userCaller } from '../../../src/northbound/http/middleware/caller.js'
import { attached, enrolment, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

function room() {
  return fleetInMemory({
    statuses: [attached('edge-1', { labels: { site: 'tokyo', rack: '7' } })],
    enrolments: [
      enrolment('edge-1', 'approved', { labels: { site: 'tokyo', rack: '7' } }),
      enrolment('new', 'pending'),
      enrolment('in-file', 'configured'),
    ],
  })
}

type App = ReturnType<typeof createApp>

async function patch(app: App, id: string, body: unknown, type = 'application/merge-patch+json') {
  const answer = await app.request(`/api/v1/devices/${encodeURIComponent(id)}`, {
    method: 'PATCH',
    headers: { 'Content-Type': type },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const { labels, detail, hint, errors } = (await answer.json()) as Record<string, unknown>
  return { status: answer.status, labels, detail, hint, errors }
}

describe('PATCH /api/v1/devices/{id}', () => {
  const asOperator = () => createApp({ ...room(), log: recordedLog().log })

  it('merges labels, takes those with null away, and answers with the device', async () => {
    const app = asOperator()
    expect(await patch(app, 'edge-1', { labels: { rack: null, role: 'pe', none: null } })).toMatchObject({
      status: 200,
      labels: { site: 'tokyo', role: 'pe' },
    })
    expect(await patch(app, 'edge-1', { labels: {} }, 'application/json')).toMatchObject({
      labels: { site: 'tokyo', role: 'pe' },
    })
    expect(await patch(app, 'new', { labels: { site: '京都' } })).toMatchObject({
      status: 200,
      labels: { site: '京都' },
    })
  })

  it('leaves those of the configuration file to the file, and says so', async () => {
    expect(await patch(asOperator(), 'in-file', { labels: { a: 'b' } })).toMatchObject({ status: 409 })
    expect(await patch(asOperator(), 'unknown', { labels: { a: 'b' } })).toMatchObject({ status: 404 })
  })

  it.each<[string, unknown, number, string?]>([
    ['no label at all', {}, 422, '#/labels'],
    ['another field', { labels: {}, standing: 'approved' }, 422, '#/standing'],
    ['a list', { labels: ['a'] }, 422, '#/labels'],
    ['null', { labels: null }, 422, '#/labels'],
    ['a number', { labels: { a: 1 } }, 422, '#/labels/a'],
    ['an object', { labels: { a: {} } }, 422, '#/labels/a'],
    ['an empty value', { labels: { a: '' } }, 422, '#/labels/a'],
    ['an empty name', { labels: { '': 'a' } }, 422, '#/labels/'],
    ['a name with =', { labels: { 'a=b': 'c' } }, 422, '#/labels/a%3Db'],
    ['a line end', { labels: { a: 'b\nc' } }, 422, '#/labels/a'],
    ['a terminal’s command', { labels: { a: '\u001b[2J' } }, 422, '#/labels/a'],
    ['another direction', { labels: { 'a\u202e': 'b' } }, 422, '#/labels/a%E2%80%AE'],
    ['the prototype', '{"labels":{"__proto__":"a"}}', 422, '#/labels/__proto__'],
    ['an object as the prototype', '{"labels":{"__proto__":{"site":"x"}}}', 422, '#/labels/__proto__'],
    ['a long value', { labels: { a: 'x'.repeat(256) } }, 422, '#/labels/a'],
    ['many labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`l${at}`, 'x'])) }, 422],
    ['a megabyte', { labels: { a: 'x'.repeat(1024 * 1024) } }, 413],
    ['no JSON', '{"labels":', 400],
  ])('refuses %s', async (_name, body, status, pointer) => {
    const answer = await patch(asOperator(), 'edge-1', body)
    expect(answer.status).toBe(status)
    if (pointer !== undefined) expect(answer.errors).toMatchObject([{ pointer }])
  })

  it('keeps the bound over several calls', async () => {
    const app = asOperator()
    const labels = Object.fromEntries(Array.from({ length: 62 }, (_, at) => [`l${at}`, 'x']))
    expect((await patch(app, 'edge-1', { labels })).status).toBe(200)
    expect(await patch(app, 'edge-1', { labels: { more: 'x' } })).toMatchObject({ errors: [{ pointer: '#/labels' }] })
    expect((await patch(app, 'edge-1', { labels: { more: 'x', l0: null } })).status).toBe(200)
  })

  it('lets two change at once, and keeps both', async () => {
    const app = asOperator()
    await Promise.all([patch(app, 'new', { labels: { a: '1' } }), patch(app, 'new', { labels: { b: '2' } })])
    expect(await patch(app, 'new', { labels: {} })).toMatchObject({ labels: { a: '1', b: '2' } })
  })

  describe('by somebody who administers some devices', () => {
    const role = (devices: readonly string[], api: Role['api']): Role => ({
      devices,
      operations: [],
      channels: [],
      api,
    })
    const roles = new Map([
      ['edges', role(['edge-*'], ['read', 'admin'])],
      ['tokyo', role(['site=tokyo'], ['read', 'rpc'])],
    ])
    const appOf = async (held: readonly string[]) => {
      const { devices, ...services } = room()
      await services.tokens.create({ user: 'other', createdBy: 'operator', devices: ['tier=lab'] })
      const account = { name: 'ann', authorizedKeys: [], principals: [], roles: held }
      const accounts = { find: () => account, roles: () => roles }
      const proven = { user: 'ann', realm: 'local', source: 's', method: 'token' } as const
      const caller = userCaller(devices, accounts, proven)
      return createApp({ ...services, log: recordedLog().log, identify: () => ({ ok: true, caller }) })
    }

    it('changes labels that nobody’s rights go by, on those devices alone', async () => {
      expect(await patch(await appOf(['edges']), 'edge-1', { labels: { rack: '8' } })).toMatchObject({ status: 200 })
      expect(await patch(await appOf(['edges']), 'new', { labels: { rack: '8' } })).toMatchObject({ status: 403 })
      expect(await patch(await appOf(['tokyo']), 'edge-1', { labels: { rack: '8' } })).toMatchObject({ status: 403 })
    })

    it.each([{ site: 'osaka' }, { site: null }, { tier: 'lab' }])(
      'does not give or take rights by a label: %j',
      async (labels) => {
        expect(await patch(await appOf(['edges']), 'edge-1', { labels })).toMatchObject({
          status: 403,
          detail: expect.stringMatching(/may not change the label .*: rights go by it/),
        })
      },
    )
  })
})
