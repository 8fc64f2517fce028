import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { attached, enrolment, fleetInMemory, keyA, keyB } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const { fingerprint } = keyA

function setUp() {
  const { log, lines } = recordedLog()
  const room = fleetInMemory({
    statuses: [attached('live')],
    enrolments: [
      enrolment('new/1', 'pending', { presented: keyA }),
      enrolment('live', 'approved', { presented: keyA }),
      enrolment('other', 'approved', { presented: keyB }),
      enrolment('silent', 'approved'),
      enrolment('fixed', 'configured'),
    ],
  })
  const app = createApp({ ...room, log })
  const send = (method: string, path: string, body?: unknown) =>
    app.request(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    })
  return { ...room, send, lines }
}

describe('disconnect', () => {
  it('ends the link of a device in the name of who asked', async () => {
    const { send, calls } = setUp()
    expect((await send('POST', '/api/v1/devices/live/disconnect')).status).toBe(204)
    expect(calls).toEqual([['disconnect', 'live', 'operator', undefined]])
  })

  it('ends the one link of several that is named', async () => {
    const { send, calls } = setUp()
    expect((await send('POST', '/api/v1/devices/live/disconnect?link=2')).status).toBe(204)
    expect(calls).toEqual([['disconnect', 'live', 'operator', 2]])
    for (const link of ['0', '-1', '1.5', 'x', ''])
      expect((await send('POST', `/api/v1/devices/live/disconnect?link=${link}`)).status).toBe(422)
  })

  it('tells that there is no device, or no link to end', async () => {
    const { send } = setUp()
    const unknown = await send('POST', '/api/v1/devices/nobody/disconnect')
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ type: 'urn:homeport:problem:unknown-device' })
    const waiting = await send('POST', '/api/v1/devices/new%2F1/disconnect')
    expect(await waiting.json()).toMatchObject({
      type: 'urn:homeport:problem:unknown-device',
      detail: 'device "new/1" waits for approval',
    })
  })
})

describe('approve', () => {
  it('binds the device id to the key that it showed', async () => {
    const { send, calls } = setUp()
    const answer = await send('POST', '/api/v1/devices/new%2F1/approve', { fingerprint })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ id: 'new/1', standing: 'approved', pins: [keyA], presented: null })
    expect(calls).toEqual([['approve', 'new/1', 'operator', { fingerprint }]])
  })

  it('gives it another id', async () => {
    const { send, calls } = setUp()
    const answer = await send('POST', '/api/v1/devices/new%2F1/approve', { fingerprint, as: 'router1' })
    expect(await answer.json()).toMatchObject({ id: 'router1', standing: 'approved' })
    expect(calls).toEqual([['approve', 'new/1', 'operator', { fingerprint, as: 'router1' }]])
  })

  it.each([
    ['switch2', 404],
    ['expected', 409],
  ])('of %s names the device that sent no id and waits with this key', async (id, status) => {
    const { log } = recordedLog()
    const room = fleetInMemory({
      enrolments: [enrolment(fingerprint, 'pending', { presented: keyA }), enrolment('expected', 'configured')],
    })
    const approveWith = (key: string) =>
      createApp({ ...room, log }).request(`/api/v1/devices/${id}/approve`, {
        method: 'POST',
        body: JSON.stringify({ fingerprint: key }),
        headers: { 'Content-Type': 'application/json' },
      })
    const answer = await approveWith(fingerprint)
    expect(answer.status).toBe(status)
    expect(await answer.json()).toMatchObject({
      hint:
        'a device that sent no id waits with this key; to give it the id: ' +
        `homeport devices approve --fingerprint ${fingerprint} --as ${id} ${fingerprint}`,
    })
    const another = (await (await approveWith(keyB.fingerprint)).json()) as { readonly hint: string }
    expect(another.hint).not.toContain('--as')
  })

  it.each([
    [`{"fingerprint":"${fingerprint}"}`, 200],
    [`{"fingerprint":"${keyB.fingerprint}"}`, 409],
    ['{}', 422],
    ['{"as":"router1"}', 422],
    ['{"fingerprint":""}', 422],
    ['{"fingerprint":null}', 422],
    ['{"fingerprint":"MD5:00:11"}', 422],
    [`{"fingerprint":"${fingerprint}A"}`, 422],
    [`{"fingerprint":"${fingerprint}","as":""}`, 422],
    [`{"fingerprint":"${fingerprint}","as":"a@b"}`, 422],
    [`{"fingerprint":"${fingerprint}","as":".."}`, 422],
    [`{"fingerprint":"${fingerprint}","as":1}`, 422],
    [`{"fingerprint":"${fingerprint}","to":"x"}`, 422],
    ['[]', 422],
    ['{"as":', 400],
    ['', 400],
  ])('answers the body %j with %d', async (body, status) => {
    const { log } = recordedLog()
    const room = fleetInMemory({ enrolments: [enrolment('r', 'pending', { presented: keyA })] })
    const answer = await createApp({ ...room, log }).request('/api/v1/devices/r/approve', {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json' },
    })
    expect(answer.status).toBe(status)
    expect(room.calls).toHaveLength(status === 200 || status === 409 ? 1 : 0)
  })
})

describe('the other decisions', () => {
  it('rejects', async () => {
    const { send, calls } = setUp()
    const answer = await send('POST', '/api/v1/devices/new%2F1/reject')
    expect(await answer.json()).toMatchObject({ id: 'new/1', standing: 'rejected' })
    expect(calls).toEqual([['reject', 'new/1', 'operator']])
  })

  it('pins anew, and shows the link', async () => {
    const { send } = setUp()
    const answer = await send('POST', '/api/v1/devices/live/repin', { fingerprint })
    expect(await answer.json()).toMatchObject({ id: 'live', pins: [keyA], link: { source: '192.0.2.1:40000' } })
  })

  it('forgets', async () => {
    const { send } = setUp()
    const answer = await send('DELETE', '/api/v1/devices/new%2F1')
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect((await send('GET', '/api/v1/devices/new%2F1')).status).toBe(404)
  })

  it.each([
    ['POST', '/api/v1/devices/none/approve', 404, 'unknown-device'],
    ['POST', '/api/v1/devices/silent/approve', 409, 'nothing-presented'],
    ['POST', '/api/v1/devices/fixed/reject', 409, 'decided-by-configuration'],
    ['POST', '/api/v1/devices/none/repin', 404, 'unknown-device'],
    ['POST', '/api/v1/devices/other/repin', 409, 'fingerprint-mismatch'],
    ['POST', '/api/v1/devices/other/approve', 409, 'fingerprint-mismatch'],
    ['DELETE', '/api/v1/devices/none', 404, 'unknown-device'],
  ])('%s %s is refused with %d %s', async (method, path, status, cause) => {
    const { send } = setUp()
    const decidesOnKey = /(approve|repin)$/.test(path)
    const answer = await send(method, path, decidesOnKey ? { fingerprint } : undefined)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({
      type: `urn:homeport:problem:${cause}`,
      status,
      hint: `what to do about ${cause}`,
    })
    expect(answer.status).toBe(status)
  })

  it('are told in the log, one line each', async () => {
    const { send, lines } = setUp()
    await send('GET', '/api/v1/devices')
    await send('POST', '/api/v1/devices/new%2F1/reject')
    expect(lines()).toMatchObject([
      { level: 'debug', method: 'GET', path: '/api/v1/devices', status: 200 },
      { level: 'info', method: 'POST', path: '/api/v1/devices/new%2F1/reject', status: 200 },
    ])
  })
})

describe('add', () => {
  it('takes all that a device may have, and never tells the secret', async () => {
    const { send, added, lines } = setUp()
    const device = { id: 'a b/c', secret: 'hunter2', labels: { site: 'x' }, vendor: 'junos', credentials: 'lab' }
    const answer = await send('POST', '/api/v1/devices', device)
    expect([answer.status, answer.headers.get('location')]).toEqual([201, '/api/v1/devices/a%20b%2Fc'])
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ id: 'a b/c', hasSecret: true, labels: { site: 'x' } })
    const { id, ...rest } = device
    expect(added).toEqual([{ deviceId: id, ...rest }])
    expect(text + JSON.stringify(lines())).not.toContain('hunter2')
    expect((await send('GET', '/api/v1/devices/a%20b%2Fc')).status).toBe(200)
  })

  it('takes an id alone', async () => {
    const { send, added } = setUp()
    expect((await send('POST', '/api/v1/devices', { id: 'r' })).status).toBe(201)
    expect(added).toEqual([{ deviceId: 'r' }])
  })

  it.each([
    ['already-known', 409, 'live'],
    ['not-written', 507, 'disk-full'],
  ])('is refused with %s', async (cause, status, id) => {
    const { send } = setUp()
    const answer = await send('POST', '/api/v1/devices', { id })
    expect(await answer.json()).toMatchObject({ type: `urn:homeport:problem:${cause}`, status })
  })
})
