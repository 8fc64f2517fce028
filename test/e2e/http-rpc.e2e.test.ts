import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { boxConfig, fullSession, type NcclientStep, runNcclient } from './parts/clients.js'
import { startLibnetconf2Device } from './parts/libnetconf2-device.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir } from './parts/temp-dir.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { type Asked, canonical, createCaller, curl, type HttpAnswer, inParallel } from './support/http-api.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const NETCONF = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const TEST = 'urn:homeport:test'
const own = endAfterEach()

let netconfd: Netconfd
let attached: AttachedDevice

beforeAll(async () => {
  netconfd = await startNetconfd()
  attached = await startAttachedDevice({
    netconf: netconfd.subsystem,
    config: {
      devices: [
        { id: 'router1', secret: 'secret-of-the-device' },
        { id: 'absent', secret: 'secret-of-another' },
      ],
    },
  })
})

afterAll(async () => {
  await attached?.stop()
  await netconfd?.stop()
})

const on = (route: string, asked: Asked = {}): Promise<HttpAnswer> =>
  curl(attached.bridge, `/api/v1/devices/router1/${route}`, asked)

const asJson = { headers: { Accept: 'application/json' } }
const parsed = (answer: HttpAnswer): unknown => JSON.parse(answer.body)
const box = (name: string): string => `<box xmlns="${TEST}"><name>${name}</name></box>`

/** The value of `name` in a datastore. */
async function nameIn(source: string): Promise<string | undefined> {
  const filter = { subtree: { box: { '@xmlns': TEST, name: '' } } }
  const { body } = await on('get-config', { body: { source, filter } })
  return /<name>(.*?)<\/name>/.exec(body)?.[1]
}

async function openSession(): Promise<string> {
  const opened = await on('sessions')
  expect(opened.status).toBe(201)
  expect(opened.headers['location']).toBe(`/api/v1/devices/router1/sessions/${(parsed(opened) as { id: string }).id}`)
  return (parsed(opened) as { id: string }).id
}

describe('an RPC as XML', () => {
  it.each([
    ['an operation', '<get-config><source><running/></source></get-config>'],
    [
      'an operation with its namespace',
      `<n:get-config xmlns:n="${NETCONF}"><n:source><n:running/></n:source></n:get-config>`,
    ],
    [
      'a whole rpc',
      `<rpc message-id="7" xmlns="${NETCONF}"><get-config><source><running/></source></get-config></rpc>`,
    ],
  ])('%s is answered with the same reply as ncclient gets', async (_, body) => {
    const { replies } = await runNcclient(clientLogin(attached.bridge, 'router1'), {
      steps: [{ do: 'get-config', source: 'running' }],
    })
    const answer = await on('rpc', { body })
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/xml' } })
    expect(canonical(answer.body)).toEqual(canonical(replies[0]?.reply ?? ''))
  })

  it("the attributes of the client's own rpc are repeated, and no others of ours", async () => {
    const attributes = 'message-id="a &amp; &quot;b&quot;" x:trace="1"'
    const rpc = `<rpc xmlns="${NETCONF}" xmlns:x="urn:x" ${attributes}><get><filter type="subtree"/></get></rpc>`
    const { body } = await on('rpc', { body: rpc })
    expect(canonical(body)).toMatchObject({ attributes: ['{urn:x}trace=1'] })
    expect(body).toContain('message-id="a &amp; &quot;b&quot;"')
    expect((await on('rpc', { body: '<get><filter type="subtree"/></get>' })).body).not.toContain('message-id')
  })

  it('goes as JSON too, there and back', async () => {
    const json = { 'get-config': { source: { running: {} }, filter: { '@type': 'subtree', box: { '@xmlns': TEST } } } }
    const answer = await on('rpc', { body: { rpc: { '@message-id': '9', ...json } }, ...asJson })
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } })
    expect(parsed(answer)).toMatchObject({ 'rpc-reply': { '@xmlns': NETCONF, '@message-id': '9' } })
  })
})

describe('each typed operation', () => {
  it('does what ncclient does, with the same replies', async () => {
    const config = boxConfig('edited', { 1: 'one', 2: '<&>' })
    const steps = fullSession.filter((step) => step.do !== 'close')
    const { replies } = await runNcclient(clientLogin(attached.bridge, 'router1'), { steps })
    expect((await on('edit-config', { body: { target: 'candidate', config: boxConfig('other') } })).status).toBe(200)
    expect((await on('commit')).status).toBe(200)

    const session = await openSession()
    const answers: HttpAnswer[] = []
    for (const step of steps) answers.push(await on(`sessions/${session}/${step.do}`, asked(step, config)))
    expect(answers.map(({ status }) => status)).toEqual(steps.map(() => 200))
    // The first get-config of ncclient found what earlier tests had left.
    for (const [index, answer] of answers.entries())
      if (index > 0) expect(canonical(answer.body), steps[index]?.do).toEqual(canonical(replies[index]?.reply ?? ''))
    expect((await on(`sessions/${session}`, { method: 'DELETE' })).status).toBe(204)
  })

  function asked(step: NcclientStep, config: string): Asked {
    if (step.do === 'get-config') return { body: { source: step.source } }
    if (step.do === 'edit-config') return { body: { target: step.target, config } }
    return 'target' in step ? { body: { target: step.target } } : {}
  }

  it('get: state, filtered by subtree or XPath', async () => {
    const monitoring = 'urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'
    const state = await on('get', {
      body: { filter: { subtree: `<netconf-state xmlns="${monitoring}"><statistics/></netconf-state>` } },
    })
    expect(state.body).toContain('<in-sessions>')
    const xpath = await on('get', {
      body: {
        filter: { xpath: '/m:netconf-state/m:statistics', namespaces: { m: monitoring } },
        'with-defaults': 'explicit',
      },
    })
    expect(canonical(xpath.body)).toMatchObject({
      children: [{ children: [{ children: [{ name: `{${monitoring}}statistics` }] }] }],
    })
    expect((await on('get')).body).toContain('<netconf-state')
  })

  it('get-config: with-defaults, and running unless a source is given', async () => {
    const running = await on('get-config')
    expect(
      canonical((await on('get-config', { body: { source: 'running', 'with-defaults': 'explicit' } })).body),
    ).toEqual(canonical(running.body))
  })

  it('edit-config: as XML text, as JSON, with operations and options', async () => {
    const edit = (config: unknown, more = {}) => on('edit-config', { body: { target: 'candidate', config, ...more } })
    expect((await edit(box('text'))).status).toBe(200)
    expect(await nameIn('candidate')).toBe('text')
    const json = {
      box: {
        '@xmlns': TEST,
        name: 'json',
        item: [
          { id: 5, value: 'five' },
          { id: 6, value: 'six' },
        ],
      },
    }
    expect((await edit(json, { 'default-operation': 'merge', 'test-option': 'set' })).status).toBe(200)
    expect((await edit({ box: { '@xmlns': TEST, item: { '@nc:operation': 'delete', id: 5 } } })).status).toBe(200)
    const { body } = await on('get-config', { body: { source: 'candidate' } })
    expect(body).toContain('<id>6</id>')
    expect(body).not.toContain('<id>5</id>')
    expect((await on('discard-changes')).status).toBe(200)
    expect(await nameIn('candidate')).not.toBe('json')
  })

  it('copy-config, delete-config, validate', async () => {
    expect((await on('edit-config', { body: { target: 'candidate', config: box('to be replaced') } })).status).toBe(200)
    expect((await on('copy-config', { body: { target: 'candidate', source: 'running' } })).status).toBe(200)
    expect(await nameIn('candidate')).not.toBe('to be replaced')
    expect((await on('validate')).status).toBe(200)
    expect((await on('validate', { body: { source: { config: box('valid') } } })).status).toBe(200)
    // The device has no such datastore to delete.
    const deleted = await on('delete-config', { body: { target: 'startup' } })
    expect(deleted.headers['content-type']).toBe('application/problem+json')
    expect(parsed(deleted)).toMatchObject({
      type: 'urn:homeport:problem:rpc-error',
      'rpc-errors': [{ severity: 'error' }],
    })
  })

  it('commit confirmed: by a name, and confirmed by it in another call', async () => {
    expect((await on('edit-config', { body: { target: 'candidate', config: box('confirmed') } })).status).toBe(200)
    expect((await on('commit', { body: { confirmed: true, 'confirm-timeout': 60, persist: 'mine' } })).status).toBe(200)
    expect(await nameIn('running')).toBe('confirmed')
    expect((await on('commit', { body: { 'persist-id': 'mine' } })).status).toBe(200)
    expect(await nameIn('running')).toBe('confirmed')
  })

  it('kill-session: ends the session of another', async () => {
    const session = await openSession()
    const shown = parsed(await on(`sessions/${session}`, { method: 'GET' })) as { sessionId: number }
    expect((await on('kill-session', { body: { 'session-id': shown.sessionId } })).status).toBe(200)
    const after = await on(`sessions/${session}/get-config`)
    expect(after.status).toBe(410)
    expect(parsed(after)).toMatchObject({ type: 'urn:homeport:problem:session-ended', detail: /has ended/ })
  })

  it('get-schema: the text of a module, or the reply', async () => {
    const text = await on('get-schema', {
      body: { identifier: 'homeport-test', version: '2024-01-01', format: 'yang' },
    })
    expect(text).toMatchObject({ status: 200, headers: { 'content-type': 'application/yang' } })
    expect(text.body.trim()).toMatch(/^module homeport-test \{[\s\S]*\}$/)
    const reply = await on('get-schema', {
      body: { identifier: 'homeport-test' },
      headers: { Accept: 'application/xml' },
    })
    expect(reply.body).toContain('<rpc-reply')
    expect(parsed(await on('get-schema', { body: { identifier: 'no-such-module' } }))).toMatchObject({
      type: 'urn:homeport:problem:rpc-error',
    })
  })
})

describe('a transaction', () => {
  it('locks, edits, validates, commits and unlocks', async () => {
    const answer = await on('transaction', {
      body: { lock: ['running', 'candidate'], edits: [{ config: box('transacted') }] },
    })
    expect(answer.status).toBe(200)
    expect(parsed(answer)).toMatchObject({
      target: 'candidate',
      steps: [
        { operation: 'lock', datastore: 'running', outcome: 'ok' },
        { operation: 'lock', datastore: 'candidate', outcome: 'ok' },
        { operation: 'edit-config', datastore: 'candidate', outcome: 'ok' },
        { operation: 'validate', datastore: 'candidate', outcome: 'ok' },
        { operation: 'commit', outcome: 'ok' },
        { operation: 'unlock', datastore: 'candidate', outcome: 'ok' },
        { operation: 'unlock', datastore: 'running', outcome: 'ok' },
      ],
    })
  })

  it('is then what is running', async () => {
    // This netconfd forgets what was edited when it is told to validate, whoever tells it.
    const answer = await on('transaction', { body: { edits: [{ config: box('transacted') }], validate: false } })
    expect(answer.status).toBe(200)
    expect(await nameIn('running')).toBe('transacted')
  })

  it('that fails in validate leaves candidate clean and unlocked', async () => {
    const before = canonical((await on('get-config')).body)
    // `type` is mandatory, which only validate looks at.
    const incomplete = `<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>eth0</name></interface></interfaces>`
    const edits = [{ config: box('never') }, { config: incomplete, 'test-option': 'set' }]
    const answer = await on('transaction', { body: { edits } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(parsed(answer)).toMatchObject({
      type: 'urn:homeport:problem:rpc-error',
      detail: expect.stringMatching(/^validate failed: .*; what was edited was discarded and unlocked$/),
      'rpc-errors': [{ severity: 'error' }],
      steps: [
        { operation: 'lock', outcome: 'ok' },
        { operation: 'edit-config', outcome: 'ok' },
        { operation: 'edit-config', outcome: 'ok' },
        { operation: 'validate', outcome: 'rpc-error' },
        { operation: 'discard-changes', outcome: 'ok' },
        { operation: 'unlock', outcome: 'ok' },
      ],
    })
    expect(canonical((await on('get-config', { body: { source: 'candidate' } })).body)).toEqual(before)
    const session = await openSession()
    expect((await on(`sessions/${session}/lock`, { body: { target: 'candidate' } })).status).toBe(200)
    await on(`sessions/${session}`, { method: 'DELETE' })
  })

  it('does nothing while another holds the lock', async () => {
    const session = await openSession()
    expect((await on(`sessions/${session}/lock`, { body: { target: 'candidate' } })).status).toBe(200)
    const answer = await on('transaction', { body: { edits: [{ config: box('late') }] } })
    expect(answer.status).toBe(409)
    expect(parsed(answer)).toMatchObject({
      detail: expect.stringMatching(/^lock failed: lock-denied.*; nothing was changed$/),
      'rpc-errors': [{ tag: 'lock-denied' }],
    })
    await on(`sessions/${session}`, { method: 'DELETE' })
  })
})

describe('a session of the client', () => {
  it('keeps its lock from call to call, which others are refused, until it is closed', async () => {
    const [first, second] = [await openSession(), await openSession()]
    const lock = { body: { target: 'candidate' } }
    expect((await on(`sessions/${first}/lock`, lock)).status).toBe(200)
    const refused = await on(`sessions/${second}/lock`, lock)
    expect(refused.status).toBe(409)
    expect(parsed(refused)).toMatchObject({
      type: 'urn:homeport:problem:rpc-error',
      status: 409,
      'rpc-errors': [{ tag: 'lock-denied', info: { 'session-id': expect.any(String) } }],
    })
    expect((await on(`sessions/${first}/rpc`, { body: '<unlock><target><candidate/></target></unlock>' })).status).toBe(
      200,
    )
    expect((await on(`sessions/${second}/lock`, lock)).status).toBe(200)
    expect((await on(`sessions/${second}`, { method: 'DELETE' })).status).toBe(204)
    expect((await on(`sessions/${second}/lock`, lock)).status).toBe(410)
    // Its lock went with it.
    expect((await on(`sessions/${first}/lock`, lock)).status).toBe(200)
    expect((await on(`sessions/${first}`, { method: 'DELETE' })).status).toBe(204)
  })

  it.each([
    ['a lock', 'lock', { target: 'candidate' }],
    ['a confirmed commit without a name', 'commit', { confirmed: true }],
  ])('is asked for by %s, which would end with its call', async (_, route, body) => {
    const answer = await on(route, { body })
    expect(answer.status).toBe(409)
    expect(parsed(answer)).toMatchObject({
      type: 'urn:homeport:problem:needs-session',
      hint: expect.stringContaining('sessions'),
    })
  })
})

describe('an edit with an Idempotency-Key', () => {
  it('is carried out once, however often it is sent', async () => {
    const config = (value: string) =>
      `<box xmlns="${TEST}"><item xmlns:nc="${NETCONF}" nc:operation="create"><id>77</id><value>${value}</value></item></box>`
    const create = (key: string, value = 'x') =>
      on('edit-config', { body: { target: 'candidate', config: config(value) }, headers: { 'Idempotency-Key': key } })
    const first = await create('key-1')
    expect(first.status).toBe(200)
    const again = await create('key-1')
    expect(again).toMatchObject({ status: 200, body: first.body, headers: { 'idempotency-replayed': 'true' } })
    // Without the key it happens again, which the device refuses.
    expect((await create('key-2')).status).toBe(409)
    const reused = await create('key-1', 'y')
    expect(reused.status).toBe(422)
    expect(parsed(reused)).toMatchObject({ type: 'urn:homeport:problem:idempotency-key-reused' })
    await on('discard-changes')
  })
})

describe('what goes wrong is a problem of its own type', () => {
  it.each([
    ['malformed XML', 'rpc', '<get><filter></get>', 400, 'malformed-xml'],
    ['a document type', 'rpc', '<!DOCTYPE get [<!ENTITY x "y">]><get>&x;</get>', 400, 'malformed-xml'],
    ['two operations in one rpc', 'rpc', `<rpc xmlns="${NETCONF}"><get/><get/></rpc>`, 400, 'malformed-xml'],
    ['an rpc of nothing', 'rpc', `<rpc xmlns="${NETCONF}"/>`, 400, 'malformed-xml'],
    ['JSON that is no XML', 'rpc', { 'a b': {} }, 422, 'invalid-request'],
    ['a parameter that is not there', 'get', { colour: 'red' }, 422, 'invalid-request'],
    ['a payload that is no XML', 'edit-config', { target: 'candidate', config: '<a>' }, 422, 'invalid-request'],
    [
      'a subscription',
      'rpc',
      '<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>',
      409,
      'needs-session',
    ],
    ['what the device does not know', 'rpc', '<no-such-operation xmlns="urn:x"/>', undefined, 'rpc-error'],
    ['a timeout that is none', 'get?timeout=soon', {}, 422, 'invalid-request'],
  ])('%s', async (_, route, body, status, cause) => {
    const answer = await on(route, { body })
    expect(parsed(answer)).toMatchObject({ type: `urn:homeport:problem:${cause}`, status: answer.status })
    if (status !== undefined) expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.body).not.toMatch(/\bat .*\.js/)
  })

  it('a body that is not declared', async () => {
    const answer = await on('rpc', { body: '<get/>', headers: { 'Content-Type': 'text/plain' } })
    expect(answer.status).toBe(415)
  })

  it('an unknown device', async () => {
    const answer = await curl(attached.bridge, '/api/v1/devices/nobody/rpc', { body: '<get/>' })
    expect(answer.status).toBe(404)
    expect(parsed(answer)).toMatchObject({ type: 'urn:homeport:problem:unknown-device' })
  })

  it('a device that is not connected, with when it was seen last', async () => {
    const answer = await curl(attached.bridge, '/api/v1/devices/absent/get-config')
    expect(answer.status).toBe(503)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect(parsed(answer)).toMatchObject({ type: 'urn:homeport:problem:not-connected', lastSeen: null })
  })

  it('an unknown session', async () => {
    expect((await on('sessions/nothing/get')).status).toBe(404)
  })
})

describe('a device on libnetconf2', () => {
  it('answers over HTTP as it answers ncclient', async () => {
    const keys = await makeTempDir('libnetconf2-http')
    const hostKey = await makeSshKey(keys.path, 'rsa')
    const bridge = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
        devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey] }],
        users: [opsUser()],
      }),
    )
    own(
      await startLibnetconf2Device({
        bridge: { host: bridge.host, port: bridge.callHomePort },
        hostKey,
        login: deviceLogin,
      }),
    )
    await bridge.logged(/^link attached/, { deviceId: 'switch1' })
    await keys.remove()
    const { replies } = await runNcclient(clientLogin(bridge, 'switch1'), {
      steps: [{ do: 'get-config', source: 'running' }],
    })
    const answer = await curl(bridge, '/api/v1/devices/switch1/get-config')
    expect(canonical(answer.body)).toEqual(canonical(replies[0]?.reply ?? ''))
    const edited = await curl(bridge, '/api/v1/devices/switch1/transaction', {
      body: { edits: [{ config: box('http') }] },
    })
    expect([edited.status, edited.body]).toEqual([200, edited.body])
    expect((await curl(bridge, '/api/v1/devices/switch1/get-config')).body).toContain('http')
  })
})

describe('1,000 calls, 32 at a time, to one device', () => {
  it('each get their own reply, and no session is set up for any', async () => {
    const { call, stop } = createCaller(attached.bridge, 32)
    const path = '/api/v1/devices/router1'
    const items = Array.from({ length: 100 }, (_, id) => ({ id, value: `value of ${id}` }))
    const config = { box: { '@xmlns': TEST, item: items } }
    expect((await call(`${path}/edit-config`, { body: { target: 'candidate', config } })).status).toBe(200)
    expect((await call(`${path}/commit`)).status).toBe(200)

    const before = parsed(await call(`${path}/sessions`)) as { sessionId: number }
    await inParallel(1000, 32, async (number) => {
      const id = number % items.length
      const filter = { subtree: { box: { '@xmlns': TEST, item: { id } } } }
      const { status, body } = await call(`${path}/get-config`, { body: { filter } })
      expect([status, body.match(/<value>.*?<\/value>/g)]).toEqual([200, [`<value>value of ${id}</value>`]])
    })
    // The device numbers its sessions: between these two there were the warm ones.
    const after = parsed(await call(`${path}/sessions`)) as { sessionId: number }
    expect(after.sessionId - before.sessionId - 1).toBeLessThanOrEqual(2)
    stop()
  })
})
