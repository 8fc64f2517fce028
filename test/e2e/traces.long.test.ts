import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { boxConfig, runNcclient, runSsh } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { waitFor } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { bearer, curl as curlOverTcp } from './support/curl.js'
import { type Asked, curl, type HttpAnswer } from './support/http-api.js'
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './support/otlp-receiver.js'
import { endAfterEach } from './support/resources.js'
import { called, collectorKey, tracesTo } from './support/traced.js'
import { ops, opsUser } from './support/users.js'

const NETCONF = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const CLIENT = 3
const SERVER = 2
const own = endAfterEach()

const childrenOf = ({ spanId, traceId }: ReceivedSpan, spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] =>
  spans.filter((span) => span.parentSpanId === spanId && span.traceId === traceId)

describe('with a collector', () => {
  let netconfd: Netconfd
  let receiver: OtlpReceiver
  let attached: AttachedDevice
  let token: string

  beforeAll(async () => {
    netconfd = await startNetconfd()
    receiver = await startOtlpReceiver()
    attached = await startAttachedDevice({
      netconf: netconfd.subsystem,
      config: {
        devices: [
          { id: 'router1', secret: 'secret-of-the-device' },
          { id: 'absent', secret: 'another' },
        ],
        ...tracesTo(receiver, { 'service-name': 'bridge-of-the-test' }),
      },
    })
    const { body } = await curl(attached.bridge, '/api/v1/tokens', { body: { user: ops.name } })
    token = (JSON.parse(body) as { token: string }).token
  })
  afterAll(async () => {
    await attached?.stop()
    await netconfd?.stop()
    await receiver?.stop()
  })

  const on = (route: string, asked: Asked = {}): Promise<HttpAnswer> =>
    curl(attached.bridge, `/api/v1/devices/router1/${route}`, asked)

  it('a call goes on with the trace of its caller, down to the RPC on the device', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const answer = await curlOverTcp(
      '-H',
      bearer(token),
      '-H',
      `traceparent: 00-${traceId}-b7ad6b7169203331-01`,
      '-H',
      'X-Request-Id: call-1',
      '-H',
      'Content-Type: application/xml',
      '--data',
      '<get-config><source><running/></source></get-config>',
      `${attached.bridge.httpUrl}/api/v1/devices/router1/rpc?timeout=30s`,
    )
    expect(answer.status).toBe(200)
    const call = await receiver.span('the call', called('call-1'))
    expect(call).toMatchObject({
      traceId,
      parentSpanId: 'b7ad6b7169203331',
      name: 'POST /api/v1/devices/{id}/rpc',
      kind: SERVER,
      error: undefined,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/v1/devices/{id}/rpc',
        'http.response.status_code': 200,
        'url.path': '/api/v1/devices/router1/rpc',
        'url.scheme': 'http',
        'homeport.device.id': 'router1',
        'homeport.user': ops.name,
      },
      resource: { 'service.name': 'bridge-of-the-test', 'telemetry.sdk.language': 'nodejs' },
    })
    const rpc = await receiver.span(
      'the RPC',
      ({ name, parentSpanId }) => name === 'get-config' && parentSpanId === call.spanId,
    )
    expect(rpc).toMatchObject({
      traceId,
      kind: CLIENT,
      error: undefined,
      attributes: {
        'rpc.system.name': 'netconf',
        'rpc.method': 'get-config',
        'rpc.response.status_code': 'ok',
        'homeport.rpc.namespace': NETCONF,
        'homeport.rpc.datastore': 'running',
        'homeport.device.id': 'router1',
        'homeport.via': 'http',
      },
    })
    expect(rpc.endedAt).toBeGreaterThan(rpc.startedAt)
    expect(childrenOf(call, receiver.spans()).map(({ name }) => name)).toContain('open session')
  })

  it('an error of the device, and a call that failed, are told as such', async () => {
    const answer = await on('rpc', { body: '<no-such-operation/>', headers: { 'X-Request-Id': 'call-2' } })
    expect(answer.headers['content-type']).toBe('application/problem+json')
    const call = await receiver.span('the call', called('call-2'))
    const rpc = await receiver.span(
      'the RPC',
      ({ name, parentSpanId }) => name === 'no-such-operation' && parentSpanId === call.spanId,
    )
    expect(rpc.attributes['error.type']).toBe(rpc.error)
    expect(rpc.error).toBe((JSON.parse(answer.body) as { 'rpc-errors': { tag: string }[] })['rpc-errors'][0]?.tag)

    await curl(attached.bridge, '/api/v1/devices/absent/get', { headers: { 'X-Request-Id': 'call-3' } })
    const failed = await receiver.span('the call', called('call-3'))
    expect(failed).toMatchObject({ error: '503', attributes: { 'http.response.status_code': 503 } })
    expect(childrenOf(failed, receiver.spans())).toMatchObject([{ name: 'open session', error: 'not-connected' }])
  })

  it('a session over HTTP has a span from its opening to its end; each call on it has its own trace', async () => {
    const opened = JSON.parse((await on('sessions', { headers: { 'X-Request-Id': 'open' } })).body) as { id: string }
    await on(`sessions/${opened.id}/lock`, { body: { target: 'candidate' }, headers: { 'X-Request-Id': 'lock' } })
    await on(`sessions/${opened.id}`, { method: 'DELETE' })
    const opening = await receiver.span('the opening', called('open'))
    const session = await receiver.span('the session', ({ name }) => name === 'netconf session')
    expect(session).toMatchObject({
      traceId: opening.traceId,
      parentSpanId: opening.spanId,
      attributes: {
        'homeport.session.id': opened.id,
        'homeport.session.ended_by': 'client',
        'homeport.user': 'operator',
      },
    })
    const lock = await receiver.span('the call', called('lock'))
    expect(lock.name).toBe('POST /api/v1/devices/{id}/sessions/{sid}/lock')
    expect(lock.traceId).not.toBe(opening.traceId)
    const rpc = await receiver.span('the RPC', ({ parentSpanId }) => parentSpanId === lock.spanId)
    expect(rpc.attributes).toMatchObject({ 'rpc.method': 'lock', 'homeport.session.id': opened.id })
  })

  it('a call to many devices has an RPC for each that was asked', async () => {
    await curl(attached.bridge, '/api/v1/rpc', {
      body: { ids: ['router1'], rpc: '<get-config><source><running/></source></get-config>' },
      headers: { 'X-Request-Id': 'many' },
    })
    const call = await receiver.span('the call', called('many'))
    const rpc = await receiver.span(
      'the RPC',
      ({ name, parentSpanId }) => name === 'get-config' && parentSpanId === call.spanId,
    )
    expect(rpc.attributes['homeport.device.id']).toBe('router1')
  })

  it('a job is carried out in a trace of its own', async () => {
    const queued = await on('get', { headers: { Prefer: 'respond-async' } })
    expect(queued.status).toBe(202)
    const job = await receiver.span(
      'the job',
      ({ name, kind }) => name === 'POST /api/v1/devices/{id}/get' && kind === 1,
    )
    await receiver.span('its RPC', ({ name, parentSpanId }) => name === 'get' && parentSpanId === job.spanId)
  })

  it('a session over SSH is a trace, with each RPC that ncclient sends', async () => {
    await runNcclient(clientLogin(attached.bridge, 'router1'), {
      steps: [
        { do: 'lock', target: 'candidate' },
        { do: 'edit-config', target: 'candidate', config: boxConfig('content-of-the-edit') },
        { do: 'rpc', xml: '<no-such-operation/>' },
        { do: 'discard-changes' },
        { do: 'unlock', target: 'candidate' },
        { do: 'close' },
      ],
    })
    const session = await receiver.span(
      'the session',
      ({ name, kind }) => name === 'netconf session' && kind === SERVER,
    )
    expect(session).toMatchObject({
      parentSpanId: undefined,
      error: undefined,
      attributes: {
        'homeport.device.id': 'router1',
        'homeport.user': ops.name,
        'homeport.via': 'ssh',
        'homeport.session.channel': 'netconf',
        'homeport.session.ended_by': expect.stringMatching(/^(client|device)$/),
      },
    })
    const children = childrenOf(session, receiver.spans())
    const inOrder = children.toSorted((a, b) => Number(a.startedAt - b.startedAt))
    expect(inOrder.map(({ name }) => name)).toEqual([
      'open session',
      'lock',
      'edit-config',
      'no-such-operation',
      'discard-changes',
      'unlock',
      'close-session',
    ])
    const [opening, lock, edit, refused] = inOrder
    expect(opening).toMatchObject({ kind: CLIENT, error: undefined })
    expect(lock).toMatchObject({
      kind: CLIENT,
      attributes: {
        'homeport.rpc.datastore': 'candidate',
        'homeport.session.id': session.attributes['homeport.session.id'],
      },
    })
    expect(edit?.attributes['homeport.rpc.message_id']).toMatch(/./)
    expect(refused?.error).toMatch(/./)
    for (const { startedAt, endedAt } of inOrder) {
      expect(endedAt).toBeGreaterThanOrEqual(startedAt)
      // The audit log's clock is one of milliseconds.
      expect(startedAt).toBeGreaterThan(session.startedAt - 5_000_000n)
    }
  })

  it('a session that is refused says why', async () => {
    await runSsh(clientLogin(attached.bridge, 'absent'), '')
    const refused = await receiver.span(
      'the session',
      ({ attributes, kind }) =>
        kind === SERVER && attributes['homeport.device.id'] === 'absent' && attributes['homeport.via'] === 'ssh',
    )
    expect(refused.error).toBe('not-connected')
    await runSsh(clientLogin(attached.bridge, 'router1'), '', { ask: 'shell' })
    await receiver.span('the shell', ({ error }) => error === 'channel-not-allowed')
  })

  it('nothing of it is secret, and the key is only in the header', async () => {
    await waitFor('spans', () => receiver.spans().length > 10)
    const sent = receiver.requests.map(({ body }) => body).join('\n')
    for (const secret of [
      token,
      collectorKey,
      ops.password,
      'secret-of-the-device',
      'pw-device',
      'content-of-the-edit',
      'timeout=30s',
    ])
      expect(sent).not.toContain(secret)
    expect(receiver.requests[0]?.headers).toMatchObject({
      'x-collector-key': collectorKey,
      'content-type': 'application/json',
    })
    expect(attached.bridge.lines.all.join('\n')).not.toContain(collectorKey)
  })

  it('pages, health and metrics have no traces', async () => {
    for (const path of ['/healthz', '/metrics', '/openapi.json']) await curl(attached.bridge, path, { method: 'GET' })
    await on('get', { headers: { 'X-Request-Id': 'later' } })
    await receiver.span('the call', called('later'))
    expect(
      receiver.spans().filter(({ attributes }) => /healthz|metrics|openapi/.test(String(attributes['url.path']))),
    ).toEqual([])
  })
})

describe('without traces', () => {
  const packagesOf = async (bridge: RunningBridge): Promise<unknown> => {
    bridge.process.kill('SIGUSR2')
    return (await bridge.logged(/^modules$/))['packages']
  }
  const nodeArguments = ['--import', fileURLToPath(new URL('./support/modules-on-signal.mjs', import.meta.url))]

  it('nothing of OpenTelemetry is loaded, but for its API that the library of the metrics needs', async () => {
    const without = own(await startBridge({ users: [opsUser()] }, { nodeArguments }))
    expect(await packagesOf(without)).toEqual(['@opentelemetry/api'])
    const receiver = own(await startOtlpReceiver())
    const traced = own(await startBridge({ users: [opsUser()], ...tracesTo(receiver) }, { nodeArguments }))
    expect(await packagesOf(traced)).toContain('@opentelemetry/sdk-trace')
  })
})
