import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSsh } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { waitFor } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { type ConfigFile, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { curl } from './support/http-api.js'
import { metricsOf } from './support/metrics.js'
import { startOtlpReceiver } from './support/otlp-receiver.js'
import { endAfterEach } from './support/resources.js'
import { called, collectorKey, tracesTo } from './support/traced.js'
import { opsUser } from './support/users.js'
import { freePort } from './parts/free-port.js'

const own = endAfterEach()

let netconfd: Netconfd
beforeAll(async () => {
  netconfd = await startNetconfd()
})
afterAll(async () => netconfd?.stop())

const attach = (config: ConfigFile): Promise<AttachedDevice> =>
  startAttachedDevice({
    netconf: netconfd.subsystem,
    config: { devices: [{ id: 'router1', secret: 'secret-of-the-device' }], ...config },
  })

describe('a collector that is away', () => {
  it('disturbs nothing: it is told once, what is lost is counted, and once more when it is back', async () => {
    const port = await freePort()
    const { bridge } = own(await attach(tracesTo({ url: `http://127.0.0.1:${port}/v1/traces` })))
    const ask = () => curl(bridge, '/api/v1/devices/router1/get')
    expect((await ask()).status).toBe(200)
    const warning = await bridge.logged(/^traces are not delivered/)
    expect(warning).toMatchObject({ level: 'warn', collector: `127.0.0.1:${port}`, problem: 'ECONNREFUSED' })
    expect(warning['hint']).toMatch(/collector/)
    const dropped = 'homeport_trace_spans_dropped_total{reason="not-delivered"}'
    const lost = await waitFor('the metric', async () => (await metricsOf(bridge)).get(dropped))
    expect(lost).toBeGreaterThanOrEqual(2)
    expect((await ask()).status).toBe(200)
    await waitFor('more of it', async () => ((await metricsOf(bridge)).get(dropped) ?? 0) > lost, 20_000)
    const receiver = own(await startOtlpReceiver({ port }))
    expect((await ask()).status).toBe(200)
    await bridge.logged(/^traces are delivered again/)
    await receiver.span('a call', ({ name }) => name === 'POST /api/v1/devices/{id}/get')
    expect(bridge.log().filter(({ msg }) => msg.startsWith('traces are not delivered'))).toHaveLength(1)
    expect(bridge.lines.all.join('\n')).not.toContain(collectorKey)
  })

  it('that refuses us is told by its status alone', async () => {
    const receiver = own(await startOtlpReceiver({ answer: () => 401 }))
    const bridge = own(await startBridge({ users: [opsUser()], ...tracesTo(receiver) }))
    await curl(bridge, '/api/v1/devices', { method: 'GET' })
    expect(await bridge.logged(/^traces are not delivered/)).toMatchObject({
      problem: 'status 401',
      hint: 'check traces.headers',
    })
  })

  it('that never answers holds up the end for two seconds at most', async () => {
    const receiver = own(await startOtlpReceiver({ answer: () => undefined }))
    const bridge = await startBridge({ users: [opsUser()], ...tracesTo(receiver, { timeout: '1m' }) })
    await curl(bridge, '/api/v1/devices', { method: 'GET' })
    const began = performance.now()
    await bridge.stop()
    expect(receiver.requests.length).toBeGreaterThan(0)
    // Of the minute that the collector would have had.
    expect(performance.now() - began).toBeLessThan(30_000)
  })
})

describe('the end and a reload', () => {
  it('a session that is cut off at the end is delivered with how it ended', async () => {
    const receiver = own(await startOtlpReceiver())
    const { bridge, stop } = await attach(tracesTo(receiver))
    const ssh = startSsh(clientLogin(bridge, 'router1'))
    await ssh.output('</hello>')
    await stop()
    await ssh.ended()
    expect(receiver.spans()).toContainEqual(
      expect.objectContaining({
        name: 'netconf session',
        attributes: expect.objectContaining({ 'homeport.session.ended_by': expect.stringMatching(/./) }) as unknown,
      }),
    )
  })

  it('a reload switches traces on and off; a session goes on as it began', async () => {
    const receiver = own(await startOtlpReceiver())
    const config = {
      credentials: { default: { username: 'netconf', password: 'pw-device' } },
      devices: [{ id: 'router1', secret: 'secret-of-the-device' }],
      users: [opsUser()],
    }
    const { bridge } = own(await attach(config))
    const list = (id: string) => curl(bridge, '/api/v1/devices', { method: 'GET', headers: { 'X-Request-Id': id } })
    await list('before')
    await bridge.reload({ ...config, ...tracesTo(receiver) })
    await list('between')
    const ssh = startSsh(clientLogin(bridge, 'router1'))
    await ssh.output('</hello>')
    await bridge.reload(config)
    await list('after')
    await ssh.kill()
    await receiver.span('the session', ({ name }) => name === 'netconf session')
    const ids = receiver.spans().flatMap(({ attributes }) => attributes['homeport.request.id'] ?? [])
    expect(ids).toEqual(['between'])
  })

  it('a caller that does not want its trace recorded is followed, and so is the ratio', async () => {
    const receiver = own(await startOtlpReceiver())
    const bridge = own(await startBridge({ users: [opsUser()], ...tracesTo(receiver, { 'sample-ratio': 0 }) }))
    const list = (id: string, flags?: string) =>
      curl(bridge, '/api/v1/devices', {
        method: 'GET',
        headers: {
          'X-Request-Id': id,
          ...(flags === undefined
            ? {}
            : { traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}` }),
        },
      })
    await list('unsampled', '00')
    await list('by-ratio')
    await list('sampled', '01')
    await receiver.span('the call', called('sampled'))
    expect(receiver.spans().map(({ attributes }) => attributes['homeport.request.id'])).toEqual(['sampled'])
  })
})
