import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { attached, enrolment, fleetInMemory, keyA, keyB } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const at = (hour: number) => new Date(Date.UTC(2025, 5, 1, hour))

function app(given: Parameters<typeof fleetInMemory>[0]) {
  return createApp({ ...fleetInMemory(given), log: recordedLog().log })
}

/** The link of a device that is attached, as it is shown. */
const SHOWN_LINK = {
  number: 1,
  source: '192.0.2.1:40000',
  attachedAt: '2025-06-01T10:00:00.000Z',
  fingerprint: keyA.fingerprint,
  provenBy: 'pin',
  certificateValidUntil: null,
  loggedInBy: ['certificate'],
  account: null,
  keyExchange: { name: 'mlkem768x25519-sha256', postQuantum: true },
  algorithms: null,
  software: 'OpenSSH_9.2',
  sessions: 2,
  queued: 0,
  mostSessions: 10,
  lostChannels: 0,
  heldSession: null,
}

describe('GET /healthz', () => {
  it('says that the bridge runs', async () => {
    const answer = await app({}).request('/healthz')
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
  })
})

describe('GET /metrics', () => {
  it('answers with the media type of Prometheus', async () => {
    const answer = await app({}).request('/metrics')
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      200,
      'text/plain; version=0.0.4',
      'homeport_links 1\n',
    ])
  })
})

describe('GET /api/v1/devices', () => {
  it('merges enrolments and links, sorted by id', async () => {
    const answer = await app({
      statuses: [attached('r2'), { id: 'only-configured', labels: { site: 'x' }, maxSessions: 1 }],
      enrolments: [enrolment('r2', 'approved', { pins: [{ ...keyA, by: 'operator' }] }), enrolment('a', 'pending')],
    }).request('/api/v1/devices')
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      devices: [
        { id: 'a', standing: 'pending', link: null },
        { id: 'only-configured', standing: 'configured', labels: { site: 'x' }, link: null, pins: [] },
        { id: 'r2', standing: 'approved', link: { source: '192.0.2.1:40000', sessions: 2 } },
      ],
    })
  })

  it('is empty where nobody has called', async () => {
    expect(await (await app({}).request('/api/v1/devices')).json()).toEqual({ devices: [], total: 0, next: null })
  })
})

describe('GET /api/v1/devices/{id}', () => {
  it('shows all that is known, and nothing else', async () => {
    const full = enrolment('r1', 'approved', {
      pins: [
        { ...keyA, addedAt: at(1), by: 'operator' },
        { ...keyB, by: 'configuration' },
      ],
      presented: keyB,
      decision: { by: 'operator', at: at(1), how: 'approved' },
      firstSeen: at(0),
      lastSeen: at(3),
      lastRefusal: {
        reason: 'wrong-hmac',
        message: 'the two secrets differ',
        hint: 'set one',
        source: 's:1',
        at: at(2),
      },
      refusals: { 'wrong-hmac': 2 },
      addresses: ['192.0.2.1', '192.0.2.9'],
      hasSecret: true,
    })
    const answer = await app({
      statuses: [
        attached('r1', {
          labels: { site: 'tokyo' },
          endpoint: { port: 20001 },
          lastDetached: { at: at(2), end: { reason: 'lost', message: 'the device closed it' } },
        }),
      ],
      enrolments: [full],
    }).request('/api/v1/devices/r1')
    expect(await answer.json()).toEqual({
      id: 'r1',
      standing: 'approved',
      linkState: { state: 'attached', since: '2025-06-01T10:00:00.000Z', reason: null, message: null, hint: null },
      pins: [
        { ...keyA, addedAt: '2025-06-01T01:00:00.000Z', by: 'operator' },
        { ...keyB, addedAt: null, by: 'configuration' },
      ],
      presented: keyB,
      decision: { by: 'operator', at: '2025-06-01T01:00:00.000Z', how: 'approved' },
      firstSeen: '2025-06-01T00:00:00.000Z',
      lastSeen: '2025-06-01T03:00:00.000Z',
      lastRefusal: {
        reason: 'wrong-hmac',
        message: 'the two secrets differ',
        hint: 'set one',
        source: 's:1',
        at: '2025-06-01T02:00:00.000Z',
      },
      refusals: { 'wrong-hmac': 2 },
      addresses: ['192.0.2.1', '192.0.2.9'],
      hasSecret: true,
      vendor: null,
      labels: { site: 'tokyo' },
      endpoint: { port: 20001, address: null },
      link: SHOWN_LINK,
      links: [SHOWN_LINK],
      node: null,
      contest: null,
      lastDetached: { at: '2025-06-01T02:00:00.000Z', reason: 'lost', message: 'the device closed it' },
    })
  })

  it('shows the newest refusal, whoever kept it', async () => {
    const stored = { reason: 'stored', message: 'm', source: 's', at: at(1) }
    const refusal = { reason: 'login-failed', message: 'm', source: 's', hint: 'h' } as const
    for (const [hour, reason] of [
      [0, 'stored'],
      [2, 'login-failed'],
    ] as const) {
      const answer = await app({
        statuses: [{ id: 'r', labels: {}, maxSessions: 1, lastRefusal: { at: at(hour), refusal } }],
        enrolments: [enrolment('r', 'pending', { lastRefusal: stored })],
      }).request('/api/v1/devices/r')
      expect(await answer.json()).toMatchObject({ lastRefusal: { reason } })
    }
  })

  it.each(['a/b', 'a b', 'aa:bb:cc', 'a%2Fb', '100%', '?x=1#y', 'é\\日本', '{id}', ':id', '*', 'approve', '+', '%E9'])(
    'finds %j by its percent-encoded id',
    async (id) => {
      const path = `/api/v1/devices/${encodeURIComponent(id)}`
      const found = await app({ enrolments: [enrolment(id, 'pending')] }).request(path)
      expect(await found.json()).toMatchObject({ id, standing: 'pending' })
    },
  )

  it('does not know others', async () => {
    const answer = await app({}).request('/api/v1/devices/a%2Fb')
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toEqual({
      type: 'urn:homeport:problem:unknown-device',
      title: 'Unknown device',
      status: 404,
      detail: 'no device "a/b" is known here',
      hint: 'check the spelling; GET /api/v1/devices (homeport devices list) has all of them',
      requestId: answer.headers.get('x-request-id'),
    })
  })
})
