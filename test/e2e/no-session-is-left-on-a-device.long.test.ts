import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { waitFor } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { askBridge } from './support/ask-bridge.js'
import { curl, socketOf } from './support/http-api.js'

let netconfd: Netconfd
let attached: AttachedDevice

beforeAll(async () => {
  netconfd = await startNetconfd()
  attached = await startAttachedDevice({
    netconf: netconfd.subsystem,
    config: {
      // What is warm goes soon, so that what is left over is what nobody ends.
      endpoint: { http: { 'warm-session-idle': '1s', 'session-idle': '2s' } },
      link: { 'max-sessions': 8 },
    },
  })
})

afterAll(async () => {
  await attached?.stop()
  await netconfd?.stop()
})

/** Waits until no session is on the device's link, and proves that all of its places can be had. */
async function allPlacesAreFree(): Promise<void> {
  await waitFor('no session on the device', async () => {
    const { link } = JSON.parse((await askBridge(attached.bridge, '/api/v1/devices/router1')).body) as {
      readonly link?: { readonly sessions: number }
    }
    return link?.sessions === 0
  })
  const opened = await Promise.all(
    Array.from({ length: 8 }, () => curl(attached.bridge, '/api/v1/devices/router1/sessions')),
  )
  expect(opened.map(({ status }) => status)).toEqual(Array(8).fill(201))
  for (const { headers } of opened) await curl(attached.bridge, headers['location'] ?? '', { method: 'DELETE' })
}

/** Sends a request and closes the connection, at once or when `until` settles. */
async function hangUp(head: string, body: string, until: (socket: ReturnType<typeof connect>) => Promise<unknown>) {
  const socket = connect(socketOf(attached.bridge))
  socket.on('error', () => undefined)
  const length = body === '' ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  socket.write(`${head} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n${body}`)
  await until(socket)
  socket.destroy()
}

const sent = (socket: ReturnType<typeof connect>) => new Promise((resolve) => socket.write('', resolve))
const answered = (socket: ReturnType<typeof connect>) => new Promise((resolve) => socket.once('data', resolve))

describe('a device has all its places', () => {
  it('after requests that XML 1.0 cannot hold', async () => {
    const bodies = [
      '<?xml version="1.1"?><get><filter>&#x1;</filter></get>',
      '<?xml version="1.1"?><get/>',
      '<?xml version="1.1"?><edit-config><target><running/></target><config>&#x1;</config></edit-config>',
      '<?xml version="1.1"?><get-foo xmlns="urn:x">&#x2;</get-foo>',
    ]
    for (const body of bodies.flatMap((one) => [one, one, one])) {
      const answer = await curl(attached.bridge, '/api/v1/devices/router1/rpc', { body })
      expect([answer.status, answer.body]).toEqual([422, expect.stringContaining('XML 1.1')])
      expect(answer.body).not.toContain('outcome-unknown')
    }
    const halfPair = { target: 'running', config: { box: { '@xmlns': 'urn:homeport:test', name: '\ud800' } } }
    const payloads = [halfPair, { ...halfPair, config: '<?xml version="1.1"?><a xmlns="urn:x">&#x1;</a>' }]
    for (const body of [...payloads, { ...halfPair, config: '<a xmlns="urn:x">\ud800</a>' }])
      expect((await curl(attached.bridge, '/api/v1/devices/router1/edit-config', { body })).status).toBe(422)
    await allPlacesAreFree()
  })

  it.each([
    ['notifications', 'GET /api/v1/devices/router1/notifications', ''],
    ['an RPC that reads', 'POST /api/v1/devices/router1/get', '{}'],
    ['an RPC that acts', 'POST /api/v1/devices/router1/discard-changes', ''],
    ['a session', 'POST /api/v1/devices/router1/sessions', ''],
    ['many devices', 'POST /api/v1/rpc', '{"ids":["router1"],"rpc":"<discard-changes/>"}'],
    ['the events of the fleet', 'GET /api/v1/events', ''],
  ])('after clients of %s hung up at every step', async (_, head, body) => {
    for (let step = 0; step < 30; step += 1) await hangUp(head, body, sent)
    await Promise.all(Array.from({ length: 30 }, (_each, step) => hangUp(head, body, () => delay(step))))
    await Promise.all(Array.from({ length: 3 }, () => hangUp(head, body, answered)))
    await allPlacesAreFree()
  })

  it('after a notification stream was asked for with HEAD', async () => {
    for (let time = 0; time < 10; time += 1) await hangUp('HEAD /api/v1/devices/router1/notifications', '', answered)
    await allPlacesAreFree()
  })
})

it('a stream that is asked for with HEAD holds no place among the streams', async () => {
  for (let time = 0; time < 210; time += 1) await hangUp('HEAD /api/v1/events', '', answered)
  await hangUp('GET /api/v1/events', '', async (socket) => {
    expect(String(await answered(socket))).toMatch(/^HTTP\/1.1 200/)
  })
})
