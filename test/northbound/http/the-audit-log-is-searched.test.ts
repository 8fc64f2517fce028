import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { operatorCaller } from '../../../src/northbound/http/middleware/caller.js'
import type { AuditIndex } from '../../../src/audit/files/audit-index.js'
import { openIndexHere } from '../../audit/support/index-on-this-thread.js'
import { fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

interface Page {
  readonly lines: readonly { readonly deviceId: string; readonly operation: string; readonly time: string }[]
  readonly next: string | null
}

let directory: string
let index: AuditIndex

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-audit-'))
  index = openIndexHere({
    file: join(directory, 'record.db'),
    retention: { keep: 1e15, maxRows: 1000 },
    onState: () => undefined,
  })
  for (let n = 0; n < 25; n += 1) {
    const entry = {
      time: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString(),
      event: 'rpc',
      user: n % 2 === 0 ? 'ops' : 'nms',
      source: '192.0.2.5:50000',
      via: 'ssh',
      deviceId: `router${n % 3}`,
      operation: n % 5 === 0 ? 'commit' : 'get',
      outcome: 'ok',
      // A field that a later version may write.
      later: n,
    }
    index.append(JSON.stringify(entry), entry)
  }
})
afterEach(async () => {
  await index.close()
  await rm(directory, { recursive: true, force: true })
})

function room(more: Partial<ReturnType<typeof fleetInMemory>> = {}) {
  const fleet = { ...fleetInMemory({ findAuditEvents: index.find }), ...more }
  return createApp({ ...fleet, log: recordedLog().log })
}

async function find(query: string, app = room()): Promise<Page> {
  const answer = await app.request(`/api/v1/audit${query}`)
  expect(answer.status).toBe(200)
  return (await answer.json()) as Page
}

describe('GET /api/v1/audit', () => {
  it('tells the newest line first, with all that is in it', async () => {
    const { lines, next } = await find('')
    expect(lines).toHaveLength(25)
    expect(next).toBeNull()
    expect(lines[0]).toEqual({
      time: '2026-01-01T00:24:00.000Z',
      event: 'rpc',
      user: 'ops',
      source: '192.0.2.5:50000',
      via: 'ssh',
      deviceId: 'router0',
      operation: 'get',
      outcome: 'ok',
      later: 24,
    })
  })

  it.each([
    ['?device=ROUTER1&user=ops', 4],
    ['?operation=commit', 5],
    ['?since=2026-01-01T00:10:00Z&until=2026-01-01T01:12:00%2B01:00', 2],
    ['?event=session-opened', 0],
  ])('%s: %i lines', async (query, count) => {
    expect((await find(query)).lines).toHaveLength(count)
  })

  it('is turned over page by page', async () => {
    const times: string[] = []
    for (let after = ''; ; ) {
      const { lines, next } = await find(`?limit=10${after}`)
      times.push(...lines.map(({ time }) => time))
      if (next === null) break
      after = `&after=${next}`
    }
    expect(times).toHaveLength(25)
    expect(times).toEqual(times.toSorted().toReversed())
  })

  it.each(['?limit=0', '?limit=1001', '?since=yesterday', '?after=x', '?limit=many'])(
    '%s is refused',
    async (query) => {
      const answer = await room().request(`/api/v1/audit${query}`)
      expect(answer.status).toBe(422)
    },
  )

  it('shows a caller what was done on the devices that the caller administers', async () => {
    const { devices } = fleetInMemory({})
    const caller = {
      ...operatorCaller(devices),
      kind: 'user',
      mayEverywhere: () => false,
      mayOn: async (_: string, id: string) => id === 'router2',
    } as const
    const { lines } = await find('', room({ identify: () => ({ ok: true, caller }) }))
    expect(new Set(lines.map(({ deviceId }) => deviceId))).toEqual(new Set(['router2']))
  })

  it('is not for everybody', async () => {
    const { devices } = fleetInMemory({})
    const caller = { ...operatorCaller(devices), may: (scope: string) => scope !== 'admin' }
    const answer = await room({ identify: () => ({ ok: true, caller }) }).request('/api/v1/audit')
    expect(answer.status).toBe(403)
  })

  it('says so where it cannot be searched', async () => {
    const answer = await room({ findAuditEvents: () => Promise.reject(new Error('record.db: is damaged')) }).request(
      '/api/v1/audit',
    )
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({
      type: 'urn:homeport:problem:record-not-readable',
      detail: 'the audit log cannot be searched: record.db: is damaged',
    })
  })
})
