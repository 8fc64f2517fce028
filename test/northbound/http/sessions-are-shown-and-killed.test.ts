import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { fleetInMemory, session } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

function room() {
  const fleet = fleetInMemory({
    sessions: [
      session('a1'),
      session('b2', { deviceId: 'router/2', request: { kind: 'exec', command: 'netconf' } }),
      session('c3', { client: { user: 'other', source: 'local', via: 'http' } }),
    ],
  })
  return { ...fleet, app: createApp({ ...fleet, log: recordedLog().log }) }
}

describe('GET /api/v1/sessions', () => {
  it('tells who works on which device, from where and how much', async () => {
    const answer = await room().app.request('/api/v1/sessions')
    expect(answer.status).toBe(200)
    const { sessions } = (await answer.json()) as { readonly sessions: readonly unknown[] }
    expect(sessions[0]).toEqual({
      id: 'a1',
      device: 'router1',
      link: 1,
      user: 'ops',
      source: '192.0.2.5:50000',
      via: 'ssh',
      request: { kind: 'subsystem', name: 'netconf' },
      openedAt: '2025-06-01T10:00:00.000Z',
      keyExchange: null,
      bytesFromClient: 812,
      bytesFromDevice: 1_440_000,
    })
    expect(sessions[1]).toMatchObject({ id: 'b2', request: { kind: 'exec', name: 'netconf' } })
  })

  it.each([
    ['?device=router1', ['a1', 'c3']],
    ['?device=router%2F2', ['b2']],
    ['?user=other', ['c3']],
    ['?user=other&device=router%2F2', []],
  ])('%s: those alone', async (query, ids) => {
    const answer = await room().app.request(`/api/v1/sessions${query}`)
    const { sessions } = (await answer.json()) as { readonly sessions: readonly { readonly id: string }[] }
    expect(sessions.map(({ id }) => id)).toEqual(ids)
  })
})

describe('DELETE /api/v1/sessions/{sid}', () => {
  it('ends that one, in the name of who asked', async () => {
    const { app, calls } = room()
    expect((await app.request('/api/v1/sessions/b2', { method: 'DELETE' })).status).toBe(204)
    expect(calls).toEqual([['endSession', 'b2', 'operator']])
  })

  it('says that there is none', async () => {
    const answer = await room().app.request('/api/v1/sessions/zz', { method: 'DELETE' })
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ type: 'urn:homeport:problem:unknown-session', status: 404 })
  })
})
