import { describe, expect, it } from 'vitest'
import { createApp } from '../../../../src/northbound/http/app.js'
import { fleetInMemory } from '../fleet-in-memory.js'
import { recordedLog } from '../recorded-log.js'

const json = { 'Content-Type': 'application/json' }

function post(body: string, headers: Record<string, string> = json) {
  const room = fleetInMemory({})
  const { log } = recordedLog()
  return createApp({ ...room, log }).request('/api/v1/devices', { method: 'POST', body, headers })
}

describe('a bad body', () => {
  it.each([
    ['{"id":"r","colour":"red"}', [{ pointer: '#/colour', detail: 'there is no such field' }]],
    ['{"id":"r","a/b~%":1}', [{ pointer: '#/a~1b~0%25', detail: 'there is no such field' }]],
    ['{"id":"r","\\ud800":1}', [{ pointer: '#/%EF%BF%BD', detail: 'there is no such field' }]],
    ['{"id":" r"}', [{ pointer: '#/id', detail: 'a device id does not start or end with a space' }]],
    ['{"id":"r","labels":{"site":7}}', [{ pointer: '#/labels/site', detail: expect.stringContaining('string') }]],
    ['{}', [{ pointer: '#/id', detail: expect.stringContaining('string') }]],
    ['"text"', [{ pointer: '#', detail: expect.stringContaining('object') }]],
  ])('%s is answered with the fields at fault', async (body, errors) => {
    const answer = await post(body)
    expect(answer.status).toBe(422)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ type: 'urn:homeport:problem:invalid-request', errors })
  })

  it('is not shown again, because a secret may be in it', async () => {
    const answer = await post(JSON.stringify({ id: 'r', secret: ['hunter2'], labels: 'hunter2' }))
    expect(answer.status).toBe(422)
    expect(await answer.text()).not.toContain('hunter2')
  })

  it.each([
    ['malformed', '{"id": "hunter2', json, 400, 'malformed-json'],
    ['not declared as JSON', '{"id":"r"}', { 'Content-Type': 'text/plain' }, 415, 'unsupported-media-type'],
    ['too large', JSON.stringify({ id: 'r', secret: 'x'.repeat(65_536) }), json, 413, 'body-too-large'],
    ['too large as it says', '{}', { ...json, 'Content-Length': '65537' }, 413, 'body-too-large'],
  ])('%s: a problem of its own', async (_, body, headers, status, cause) => {
    const answer = await post(body, headers)
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ type: `urn:homeport:problem:${cause}`, status })
    expect(text).not.toContain('hunter2')
    expect(answer.status).toBe(status)
  })

  it('with more faults than anybody reads is answered with the first of them', async () => {
    const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field-${index}`, 1]))
    const { errors } = (await (await post(JSON.stringify({ id: 'r', ...fields }))).json()) as { errors: unknown[] }
    expect(errors).toHaveLength(20)
  })
})

describe('other failures', () => {
  it('an unknown path', async () => {
    const app = createApp({ ...fleetInMemory({}), log: recordedLog().log })
    for (const path of ['/api/v1/devices/', '/api/v1/devices/a/b', '/api/v2/devices']) {
      const answer = await app.request(path)
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ type: 'urn:homeport:problem:unknown-path' })
    }
  })

  it('what the bridge did not foresee stays in its log', async () => {
    const { log, lines } = recordedLog()
    const room = fleetInMemory({})
    const fleet = { ...room.fleet, devices: () => Promise.reject(new Error('broken inside')) }
    const answer = await createApp({ ...room, fleet, log }).request('/api/v1/devices')
    expect(answer.status).toBe(500)
    expect(await answer.json()).toEqual({
      type: 'urn:homeport:problem:internal-error',
      title: 'Internal error',
      status: 500,
      detail: 'the bridge could not answer this request',
      hint: 'its log says why',
      requestId: answer.headers.get('x-request-id'),
    })
    expect(lines()).toMatchObject([
      { level: 'error', err: { message: 'broken inside' }, path: '/api/v1/devices' },
      { msg: 'request', status: 500 },
    ])
  })
})
