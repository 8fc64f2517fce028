import { describe, expect, it } from 'vitest'
import { readEarlierCall } from '../../../../src/northbound/http/jobs/earlier-call.js'
import type { EarlierCall } from '../../../../src/rpc/jobs/job-request.js'
import { callLimits, fleetInMemory } from '../fleet-in-memory.js'

const services = fleetInMemory({})
const owner = { realm: 'local', name: 'ann' } as const

/** Reads a call as version 0.1 kept it. */
function read(path: string, more: Partial<EarlierCall> = {}) {
  const call = { path: `/api/v1/devices/r1/${path}`, contentType: 'application/json', accept: '*/*', body: '', ...more }
  return readEarlierCall(services, { call, deviceId: 'r1', owner }, { var: { requestId: 'job-1' } })
}

/** Longer than what is read at once. */
const LARGE = `<x xmlns="urn:x">${'x'.repeat(200_000)}</x>`
const xml = {
  contentType: 'application/xml',
  body: '<rpc message-id="7"><get-config><source><running/></source></get-config></rpc>',
}

describe('a call that version 0.1 kept', () => {
  it('of any operation is read with the attributes of its own <rpc>', async () => {
    expect(await read('rpc', xml)).toMatchObject({
      ok: true,
      request: {
        kind: 'rpc',
        name: 'rpc',
        format: 'xml',
        request: {
          deviceId: 'r1',
          operation: { about: { name: 'get-config' }, written: { text: expect.stringContaining('<running/>') } },
          attributes: [{ name: 'message-id', value: '7' }],
          size: xml.body.length,
          timeout: callLimits.rpcTimeout,
          wait: 0,
        },
      },
    })
  })

  it.each([
    ['get-config', { body: '' }, 'get-config'],
    ['edit-config', { body: '{"target":"candidate","config":"<x xmlns=\\"urn:x\\"/>"}' }, 'edit-config'],
    ['kill-session', { body: '{"session-id":7}' }, 'kill-session'],
    ['rpc', { body: '{"get":{}}' }, 'get'],
    ['edit-config', { body: JSON.stringify({ target: 'candidate', config: LARGE }) }, 'edit-config'],
    ['rpc', { contentType: 'application/xml', body: `<validate>${LARGE}</validate>` }, 'validate'],
  ])('of %s is read', async (path, more, name) => {
    expect(await read(path, more)).toMatchObject({
      ok: true,
      request: { name: path, request: { operation: { about: { name } } } },
    })
  })

  it.each([
    ['get', 'application/json', 'json'],
    ['get', 'application/xml, application/json', 'xml'],
    ['get-schema', '*/*', 'schema'],
    ['get-schema', 'application/xml', 'xml'],
  ])('of %s that takes %s is answered as %s', async (path, accept, format) => {
    const body = path === 'get-schema' ? '{"identifier":"a"}' : ''
    expect(await read(path, { accept, body })).toMatchObject({ ok: true, request: { format } })
  })

  it.each([
    ['get?timeout=30s', 30_000],
    ['get?timeout=soon', callLimits.rpcTimeout],
    ['get?timeout=999h', callLimits.rpcTimeout],
  ])('of %s has its time', async (path, timeout) => {
    expect(await read(path)).toMatchObject({ request: { request: { timeout } } })
  })

  it('of a transaction is read, its configurations as text', async () => {
    const body = '{"target":"running","edits":[{"config":"<x xmlns=\\"urn:x\\"/>"}]}'
    const answer = await read('transaction', { body })
    expect(answer).toMatchObject({ ok: true, request: { kind: 'transaction', request: { target: 'running' } } })
    expect(JSON.stringify(answer)).toContain('"written":"<config><x xmlns')
  })

  it.each([
    ['rpc', { contentType: 'application/xml', body: '<get>' }, 'malformed-xml'],
    ['rpc', { body: '{' }, 'malformed-json'],
    ['get-config', { body: '{' }, 'malformed-json'],
    ['get-config', { body: '{"sauce":"running"}' }, 'invalid-request'],
    ['edit-config', { body: '{"target":"running","config":"<x"}' }, 'invalid-request'],
    ['transaction', { body: '{"edits":[]}' }, 'invalid-request'],
    ['make-coffee', { body: '{}' }, 'unknown-path'],
  ])('of %s with %o is answered as the call would have been', async (path, more, cause) => {
    const answer = await read(path, more)
    expect(answer.ok).toBe(false)
    expect(answer.ok ? undefined : await answer.response.json()).toMatchObject({
      type: `urn:homeport:problem:${cause}`,
      requestId: 'job-1',
    })
  })
})
