import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { gone } from './parts/processes.js'
import { waitFor } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { curl, failureOf } from './support/curl.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()

const start = async (drainTimeout: string): Promise<AttachedDevice> =>
  own(await startAttachedDevice({ netconf: byteSubsystem.echo(), config: { 'drain-timeout': drainTimeout } }))

/** A session whose device sends back what it gets. */
async function echoing(bridge: RunningBridge) {
  const client = own(await login(bridge, 'router1'))
  const channel = await openNetconf(client)
  const echo = async (word: string): Promise<void> => {
    const echoed = once(channel, 'data')
    channel.write(word)
    expect(String(await echoed)).toBe(word)
  }
  await echo('before')
  return { client, channel, echo }
}

async function untilDraining(bridge: RunningBridge): Promise<void> {
  bridge.process.kill('SIGTERM')
  await waitFor('the bridge to be unready', async () => (await curl(`${bridge.httpUrl}/readyz`)).status === 503)
}

describe('SIGTERM', () => {
  it('lets sessions and calls under way end, takes no more, and ends the links last', async () => {
    const { bridge, device } = await start('30s')
    const { client, channel, echo } = await echoing(bridge)
    const devices = `${bridge.httpUrl}/api/v1/devices`
    expect((await curl(`${bridge.httpUrl}/readyz`)).body).toBe('{"status":"ok"}')
    const call = connect(Number(new URL(bridge.httpUrl).port), '127.0.0.1')
    const answer = text(call)
    const authorization = `Authorization: Basic ${Buffer.from(`${ops.name}:${ops.password}`).toString('base64')}`
    call.write(
      `POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\n${authorization}\r\nConnection: close\r\n` +
        'Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{"id"',
    )
    await waitFor('the call to be under way', async () => call.bytesWritten > 0)
    await curl(`${bridge.httpUrl}/livez`)

    await untilDraining(bridge)
    const ready = await curl(`${bridge.httpUrl}/readyz`)
    expect(JSON.parse(ready.body)).toEqual({
      status: 'unready',
      unready: [{ part: 'bridge', message: 'it is stopping' }],
    })
    expect((await curl(`${bridge.httpUrl}/livez`)).status).toBe(200)
    const refused = await curl('-u', `${ops.name}:${ops.password}`, devices)
    expect(failureOf(refused)).toBe('503 shutting-down')
    expect(refused.headers['retry-after']).toBe('5')
    const socket = join(bridge.directory, 'data', 'homeport.sock')
    expect((await curl('--unix-socket', socket, 'http://bridge/api/v1/sessions')).body).toContain('"device":"router1"')
    const another = await readAll(await openNetconf(client))
    expect(another).toMatchObject({ status: 1, errors: expect.stringContaining('the bridge is stopping') as string })
    await expect(login(bridge, 'router1')).rejects.toThrow(/ECONNREFUSED/)
    await echo('while it stops')

    call.write(':"new"}')
    expect(await answer).toMatch(/^HTTP\/1\.1 403 [^]*out-of-scope/)
    expect(bridge.process.exitCode).toBeNull()
    channel.end()
    await gone(bridge.process)
    expect(bridge.process.exitCode).toBe(0)
    const told = bridge.log().map(({ msg }) => msg)
    const order = [/^stopping$/, /^session closed/, /^link detached/].map((pattern) =>
      told.findIndex((msg) => pattern.test(msg)),
    )
    expect(order.every((at) => at !== -1)).toBe(true)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(told.some((msg) => msg.includes('cut off'))).toBe(false)
    await device.stop()
  })

  it('lets an RPC over HTTP be answered, and keeps no warm session', async () => {
    const bridge = own(
      await startBridge({
        credentials: { default: { username: 'netconf', password: 'netconf' } },
        devices: [{ id: 'sim-1', secret: 's' }],
        users: [opsUser()],
        'drain-timeout': '60s',
      }),
    )
    const device = startSimulatedDevice({
      id: 'sim-1',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      username: 'netconf',
      password: 'netconf',
      preamble: 'junos',
      secret: 's',
      dialect: 'plain',
    })
    own({ stop: () => device.stop() })
    await bridge.logged(/^link attached/)
    const asXml = ['-u', `${ops.name}:${ops.password}`, '-H', 'Content-Type: application/xml']
    const rpc = (body: string) => curl(...asXml, '-d', body, `${bridge.httpUrl}/api/v1/devices/sim-1/rpc`)
    expect((await rpc('<get-config><source><running/></source></get-config>')).status).toBe(200)
    const slow = rpc(
      '<generate-reply xmlns="urn:homeport:simulated-device:test"><size>10</size><delay>2000</delay></generate-reply>',
    )
    const socket = join(bridge.directory, 'data', 'homeport.sock')
    await waitFor('the call to be under way', async () =>
      /"user":"ops"/.test((await curl('--unix-socket', socket, 'http://bridge/api/v1/sessions')).body),
    )
    await untilDraining(bridge)
    expect((await slow).status).toBe(200)
    await gone(bridge.process)
    expect(bridge.log().some(({ msg }) => msg.includes('cut off'))).toBe(false)
  }, 45_000)

  it('cuts off what has not ended when drain-timeout is over', async () => {
    const { bridge } = await start('1s')
    const { channel } = await echoing(bridge)
    const closed = once(channel, 'close')
    bridge.process.kill('SIGTERM')
    await closed
    await gone(bridge.process)
    expect(bridge.process.exitCode).toBe(0)
    expect(await bridge.logged(/^sessions and calls under way are cut off/)).toMatchObject({
      level: 'warn',
      sessions: 1,
    })
  })

  it('a second time ends it at once', async () => {
    const { bridge } = await start('60s')
    await echoing(bridge)
    await untilDraining(bridge)
    bridge.process.kill('SIGTERM')
    await gone(bridge.process)
    expect(bridge.process.exitCode).toBe(0)
    await bridge.logged(/^stopping at once/)
  }, 30_000)
})
