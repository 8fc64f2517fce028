import { once } from 'node:events'
import { connect, type NetConnectOpts, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh } from './parts/clients.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { waitFor, within } from './parts/wait-for.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'

const own = endAfterEach()

/** Other addresses than the clients', on the loopback network. */
const HOSTILE = '127.0.0.66'
const HONEST = '127.0.0.77'

describe('strangers on the port of clients keep nobody else out', () => {
  let attached: AttachedDevice
  beforeAll(async () => {
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      config: {
        endpoint: { ssh: { 'max-unauthenticated': 60, 'login-timeout': '30s' } },
        sources: { penalties: { exempt: ['127.0.0.1', HONEST], minimum: '2s', garbage: '1500ms', maximum: '4s' } },
      },
    })
  })
  afterAll(() => attached?.stop())

  afterEach(async () => {
    expect(attached.bridge.process.exitCode).toBeNull()
    await expectEcho(HONEST)
  })

  async function openEcho(from: string): Promise<{ readonly echo: () => Promise<void>; readonly end: () => void }> {
    const client = await login(attached.bridge, 'router1', { localAddress: from })
    const channel = await openNetconf(client)
    return {
      echo: async () => {
        const echoed = once(channel, 'data')
        channel.write('still served')
        expect(String(await echoed)).toBe('still served')
      },
      end: () => void client.end(),
    }
  }

  async function expectEcho(from: string): Promise<void> {
    const { echo, end } = await openEcho(from)
    await echo()
    end()
  }

  function dial(from = HOSTILE): Socket & { readonly received: () => string } {
    const { host, endpointPort: port } = attached.bridge
    const socket = connect({ host, port, localAddress: from } satisfies NetConnectOpts)
    let received = ''
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1')
    })
    own({ stop: () => void socket.destroy() })
    return Object.assign(socket, { received: () => received })
  }

  const closeOf = (socket: Socket) =>
    socket.closed ? Promise.resolve() : new Promise<void>((resolve) => socket.once('close', () => resolve()))

  it('idle connections of one source take two thirds of the places, and more are told why they are closed', async () => {
    const { bridge } = attached
    const from = bridge.lines.all.length
    const sockets = Array.from({ length: 200 }, () => dial())
    await waitFor('the surplus to be closed', () => sockets.filter(({ closed }) => closed).length >= 160, 10_000)
    expect(sockets.filter(({ closed }) => !closed)).toHaveLength(40)
    await bridge.logged(
      /^client refused: too many connections from there/,
      { reason: 'too-many-from-source' },
      { from },
    )
    const told = sockets.filter(({ closed }) => closed).map((socket) => socket.received())
    expect(
      told.filter((words) => words.startsWith('homeport: too many connections from there')).length,
    ).toBeGreaterThan(0)
    await within(5_000, 'a client of another source to log in', expectEcho(HONEST))
    const metrics = await metricsOf(bridge)
    expect(metrics.get('homeport_client_handshakes{state="arriving"}')).toBe(40)
    expect(metrics.get('homeport_login_refusals_total{reason="too-many-from-source"}')).toBe(160)
    // Two hundred refusals are no two hundred lines.
    expect(bridge.log().filter(({ reason }) => reason === 'too-many-from-source').length).toBeLessThanOrEqual(20)
    for (const socket of sockets) socket.destroy()
    await waitFor('the places to be free', async () => {
      const now = await metricsOf(bridge)
      return now.get('homeport_client_handshakes{state="arriving"}') === 0
    })
  })

  it('key exchanges without end, none of which is followed by a login, leave a live session and other sources their turns', async () => {
    const { bridge } = attached
    const live = await openEcho(HONEST)
    let exchanges = 0
    let over = false
    const exchange = async (): Promise<void> => {
      while (!over) {
        const client = new ssh2.Client()
        client.on('error', () => undefined)
        client.on('handshake', () => {
          exchanges += 1
          client.destroy()
        })
        const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
        client.connect({
          host: bridge.host,
          port: bridge.endpointPort,
          localAddress: '127.0.0.1',
          username: 'x',
          password: 'x',
        })
        await closed
      }
    }
    const flood = Promise.all(Array.from({ length: 20 }, exchange))
    await waitFor('the flood to begin', () => exchanges > 20, 20_000)
    for (let round = 0; round < 5; round += 1) {
      for (let request = 0; request < 20; request += 1)
        await within(2_000, 'the live session to be served', live.echo())
      await within(5_000, 'a client of another source to log in', expectEcho(HONEST))
    }
    over = true
    await flood
    live.end()
  })

  it('a source that sends garbage again and again is kept out for a while, and others are not', async () => {
    const { bridge } = attached
    const from = bridge.lines.all.length
    for (let round = 0; round < 2; round += 1) {
      const socket = dial()
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await within(5_000, 'garbage to be refused', closeOf(socket))
    }
    await bridge.logged(/^source penalised/, { address: HOSTILE, offence: 'garbage' }, { from })
    const refused = dial()
    await within(5_000, 'the connection to be refused', closeOf(refused))
    expect(refused.received()).toMatch(/^homeport: connections from there are refused for \d s more\r\n$/)
    await expectEcho(HONEST)
    // It is over by itself.
    await waitFor('the source to be let in', async () => {
      const again = dial()
      await Promise.race([once(again, 'data'), closeOf(again)])
      return again.received().startsWith('SSH-2.0-')
    })
  })

  it('who dials the wrong port is named: HTTP, TLS, a device with its initiation sequence', async () => {
    for (const [bytes, reason] of [
      ['GET / HTTP/1.1\r\n\r\n', 'http-on-client-port'],
      [Buffer.from('16030100f8010000f40303', 'hex'), 'tls-on-client-port'],
      ['MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router9\r\n', 'device-on-client-port'],
    ] as const) {
      const from = attached.bridge.lines.all.length
      const socket = dial(HONEST)
      socket.write(bytes)
      const line = await attached.bridge.logged(/^client refused/, { reason }, { from })
      expect(String(line['source'])).toContain(HONEST)
      await within(5_000, 'it to be closed', closeOf(socket))
    }
  })

  it('a real sshd that calls home there is named as well', async () => {
    const keys = own(Object.assign(await makeTempDir('keys'), { stop: () => undefined }))
    const hostKey = await makeSshKey(keys.path, 'ed25519', 'host')
    const from = attached.bridge.lines.all.length
    const device = await startSshdDevice({
      deviceId: 'lost',
      bridge: { host: attached.bridge.host, port: attached.bridge.endpointPort },
      preamble: 'none',
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: {},
    })
    const line = await attached.bridge.logged(/^client refused: a device calls home/, {}, { from })
    expect(line['reason']).toBe('device-on-client-port')
    // Who looks into the device's own log reads it, too.
    await device.log.match(
      /Received disconnect .*homeport: this is the port of clients: let it dial the port of call-home/,
    )
    await device.stop()
    await keys.remove()
  })

  it('ssh on the call-home port is named, and told', async () => {
    const from = attached.bridge.lines.all.length
    const { host, callHomePort: port } = attached.bridge
    const { stderr, status } = await runSsh({ host, port, user: 'ops@router1', password: 'pw-ops' }, '', {
      args: ['-oLogLevel=INFO'],
    })
    expect(stderr).toMatch(
      /Received disconnect .*: homeport: devices call home on this port; NETCONF clients dial another/,
    )
    expect(status).toBe(255)
    await attached.bridge.logged(/^call refused: an SSH client/, { reason: 'ssh-client' }, { from })
  })

  it('HTTP on the call-home port is named, and told', async () => {
    const from = attached.bridge.lines.all.length
    const { host, callHomePort } = attached.bridge
    const answer = await fetch(`http://${host}:${callHomePort}/api/v1/devices`)
    expect(answer.status).toBe(400)
    expect(await answer.text()).toMatch(
      /^homeport: devices call home on this port over SSH; the HTTP API has another one/,
    )
    await attached.bridge.logged(/^call refused: sent an HTTP request/, { reason: 'not-ssh' }, { from })
  })

  it('TLS on the call-home port is named, and told by an alert', async () => {
    const from = attached.bridge.lines.all.length
    const { host, callHomePort: port } = attached.bridge
    const socket = tls.connect({ host, port, rejectUnauthorized: false })
    const [error] = (await once(socket, 'error')) as [Error & { readonly code?: string }]
    expect(error.code).toMatch(/UNEXPECTED_MESSAGE$/)
    await attached.bridge.logged(/^call refused: sent a TLS ClientHello/, { reason: 'not-ssh' }, { from })
  })

  it('an SSH client that shows itself by its first packet of key exchange alone is named', async () => {
    const from = attached.bridge.lines.all.length
    const client = new ssh2.Client()
    client.on('error', () => undefined)
    client.connect({
      host: attached.bridge.host,
      port: attached.bridge.callHomePort,
      localAddress: HONEST,
      username: 'ops',
    })
    await attached.bridge.logged(
      /^call refused: an SSH client on the call-home port/,
      { reason: 'ssh-client' },
      { from },
    )
    client.destroy()
  })

  it('a client whose first octets come all at once is served', async () => {
    const { host, endpointPort: port } = attached.bridge
    const path = createServer((near) => {
      const far = connect({ host, port, localAddress: HONEST })
      far.on('error', () => near.destroy())
      near.on('error', () => far.destroy())
      far.pipe(near)
      const held: Buffer[] = []
      // The identification and what the client sends after it had read the bridge's.
      near.on('data', (bytes: Buffer) => {
        if (held.length < 2) held.push(bytes)
        else far.write(bytes)
        if (held.length === 2) far.write(Buffer.concat(held.splice(0, 2, Buffer.alloc(0), Buffer.alloc(0))))
      })
      near.on('close', () => far.destroy())
    }).listen(0, '127.0.0.1')
    await once(path, 'listening')
    own({ stop: () => void path.close() })
    const client = await within(
      10_000,
      'the client to log in',
      login(attached.bridge, 'router1', { port: (path.address() as AddressInfo).port }),
    )
    client.end()
  })
})
