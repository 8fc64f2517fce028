import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { userCaller } from '../../../src/northbound/http/middleware/caller.js'
import { attached, enrolment, fleetInMemory, keyA } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour))
const refusal = { reason: 'wrong-hmac', message: 'the secrets differ', hint: 'compare', source: '192.0.2.9:1' } as const
const device = (id: string, labels: Readonly<Record<string, string>> = {}) => ({ id, labels, maxSessions: 10 })

function room() {
  return fleetInMemory({
    statuses: [
      attached('edge-1', { labels: { site: 'tokyo', rack: '7' } }),
      { ...device('edge-2', { site: 'osaka' }), lastRefusal: { at: at(9), refusal } },
      device('core', { site: 'tokyo' }),
      device('東京', { __proto__: 'x', site: 'tokyo' }),
    ],
    enrolments: [
      enrolment('edge-1', 'approved', { addresses: ['198.51.100.7'], lastSeen: at(1) }),
      enrolment('edge-2', 'configured', { lastSeen: at(3) }),
      enrolment('core', 'approved', { lastSeen: at(2) }),
      enrolment('new', 'pending', { labels: { site: 'kyoto' }, firstSeen: at(4), presented: keyA }),
      enrolment('gone', 'rejected'),
    ],
  })
}

interface Listed {
  readonly devices: readonly { readonly id: string; readonly linkState: { readonly state: string } }[]
  readonly total: number
  readonly next: string | null
  readonly errors?: readonly { readonly pointer: string }[]
}

async function list(query: string, app = createApp({ ...room(), log: recordedLog().log })) {
  const answer = await app.request(`/api/v1/devices${query}`)
  const body = (await answer.json()) as Listed
  return { status: answer.status, link: answer.headers.get('link'), ...body, ids: body.devices?.map(({ id }) => id) }
}

describe('the list of devices', () => {
  it.each([
    ['', ['core', 'edge-1', 'edge-2', 'gone', 'new', '東京']],
    ['?standing=pending', ['new']],
    ['?standing=pending,rejected', ['gone', 'new']],
    ['?link=attached', ['edge-1']],
    ['?link=refused', ['edge-2']],
    ['?link=pending', ['new']],
    ['?link=away', ['core']],
    ['?link=never', ['gone', '東京']],
    ['?link=away,never', ['core', 'gone', '東京']],
    ['?label=site=tokyo', ['core', 'edge-1', '東京']],
    ['?label=site%3Dtokyo&label=rack=7', ['edge-1']],
    ['?label=rack', ['edge-1']],
    ['?label=site=kyoto', ['new']],
    ['?label=constructor', []],
    ['?selector=edge-*', ['edge-1', 'edge-2']],
    ['?selector=edge-1&selector=site=osa*', ['edge-1', 'edge-2']],
    ['?q=EDGE', ['edge-1', 'edge-2']],
    ['?q=198.51', ['edge-1']],
    ['?q=site=tok', ['core', 'edge-1', '東京']],
    ['?q=%E6%9D%B1', ['東京']],
    ['?selector=edge-*&link=refused&standing=configured&label=site=osaka&q=e', ['edge-2']],
    ['?sort=-id&standing=approved', ['edge-1', 'core']],
    ['?sort=last-seen&standing=approved,configured&label=site', ['東京', 'edge-1', 'core', 'edge-2']],
    ['?sort=-last-seen&standing=approved', ['core', 'edge-1']],
  ])('%s', async (query, ids) => {
    const answer = await list(query)
    expect({ ids: answer.ids, total: answer.total, next: answer.next }).toEqual({ ids, total: ids.length, next: null })
  })

  it.each([
    ['?standing=aproved', 'standing'],
    ['?link=attached,', 'link'],
    ['?link=', 'link'],
    ['?sort=age', 'sort'],
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?limit=ten', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?label=', 'label'],
    [`?label=${'x'.repeat(100_000)}`, 'label'],
    [`?selector=${'x'.repeat(257)}`, 'selector'],
    [`?${'selector=a&'.repeat(51)}`, 'selector'],
    [`?${`selector=${'*'.repeat(250)}&`.repeat(50)}`, 'selector'],
    ['?format=csv', 'format'],
    ['?format=ansible&limit=3', 'limit'],
    ['?format=ansible&cursor=abc', 'cursor'],
    ['?format=ssh-config&bridge=a%20b', 'bridge'],
    ['?format=ssh-config&bridge=%0aProxyCommand', 'bridge'],
    ['?format=ssh-config&port=65536', 'port'],
    ['?format=ansible&user=a@b', 'user'],
    ['?lable=site=tokyo', 'lable'],
    ['?__proto__=1', '__proto__'],
    ['?cursor=', 'cursor'],
    ['?cursor=abc', 'cursor'],
    [`?cursor=${Buffer.from('{"of":"x","key":"","id":"a"}').toString('base64url')}`, 'cursor'],
    [`?cursor=${Buffer.from('[]').toString('base64url')}`, 'cursor'],
    [`?cursor=${'A'.repeat(100_000)}`, 'cursor'],
  ])('says what is wrong: %#', async (query, parameter) => {
    const { status, errors } = await list(query)
    expect(status).toBe(422)
    expect(errors?.[0]?.pointer.split('/')[1]).toBe(parameter)
  })

  it('comes in pages, each device on one, however many come and go meanwhile', async () => {
    const ids = Array.from({ length: 25 }, (_, at) => `router-${String(at).padStart(2, '0')}`)
    const kept = ids.filter((_, at) => at % 5 !== 0)
    for (const sort of ['id', '-id', 'standing', 'link', '-last-seen']) {
      const room = fleetInMemory({ enrolments: ids.map((id) => enrolment(id, 'approved', { lastSeen: at(1) })) })
      const app = createApp({ ...room, log: recordedLog().log })
      const seen: string[] = []
      let query = `?sort=${sort}&limit=4`
      for (;;) {
        const page = await list(query, app)
        seen.push(...page.ids)
        expect(page.ids.length).toBeLessThanOrEqual(4)
        // One in five goes, the last of the page among them, and others come.
        for (const id of ids.filter((_, at) => at % 5 === 0)) await room.enrolments.forget(id, 'operator')
        await room.enrolments.add({ deviceId: `router-1${sort === '-id' ? 0 : 9}-new` }, 'operator')
        if (page.next === null) break
        expect(page.link).toBe(`</api/v1/devices?sort=${sort}&limit=4&cursor=${page.next}>; rel="next"`)
        query = /<\/api\/v1\/devices(.*)>/.exec(page.link ?? '')?.[1] ?? ''
      }
      const old = seen.filter((id) => kept.includes(id))
      expect(old.toSorted()).toEqual(kept)
      expect(new Set(seen).size).toBe(seen.length)
    }
  })

  it('refuses the cursor of other filters or another order', async () => {
    const { next } = await list('?limit=1')
    for (const other of ['&standing=approved', '&sort=-id', '&label=site', '&q=e'])
      expect((await list(`?limit=1&cursor=${next}${other}`)).errors).toEqual([
        { pointer: '#/cursor', detail: expect.stringMatching('belongs to other filters') },
      ])
    expect((await list(`?limit=2&cursor=${next}`)).ids).toEqual(['edge-1', 'edge-2'])
    expect((await list(`?cursor=${next}`)).ids).toEqual(['edge-1', 'edge-2', 'gone', 'new', '東京'])
  })

  it('tells nobody of devices beyond their roles: neither list nor count nor pages nor inventories', async () => {
    const { devices, ...services } = room()
    const roles = new Map([
      ['edges', { devices: ['edge-*', 'site=kyoto'], operations: [], channels: [], api: ['read' as const] }],
    ])
    const account = { name: 'ann', authorizedKeys: [], principals: [], roles: ['edges'] }
    const accounts = { find: () => account, roles: () => roles }
    const proven = { user: 'ann', realm: 'local', source: 's', method: 'token' } as const
    const caller = userCaller(devices, accounts, proven)
    const app = createApp({ ...services, log: recordedLog().log, identify: () => ({ ok: true, caller }) })
    expect(await list('', app)).toMatchObject({ ids: ['edge-1', 'edge-2', 'new'], total: 3 })
    expect(await list('?limit=1', app)).toMatchObject({ ids: ['edge-1'], total: 3 })
    expect(await list('?limit=3', app)).toMatchObject({ next: null })
    expect(await list('?q=core', app)).toMatchObject({ ids: [], total: 0 })
    expect(await list('?label=site=tokyo', app)).toMatchObject({ ids: ['edge-1'], total: 1 })
    for (const format of ['ansible', 'prometheus-sd', 'ssh-config', 'hosts', 'zone'])
      expect(await (await app.request(`/api/v1/devices?format=${format}`)).text()).not.toMatch(/core|東京|gone/)
  })
})
