import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { byteSubsystem, deterministicBytes, expectedHash } from './parts/byte-subsystem.js'
import { dyingWithUs, killGroup } from './parts/processes.js'
import { startSlowPipe } from './parts/slow-pipe.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { main } from './support/homeport-command.js'
import { curl } from './support/http-api.js'
import { endAfterEach } from './support/resources.js'
import { login, openCommand, openNetconf, readAll } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

/** Silence of 800 ms is too much for such a link. */
const impatient = { link: { 'keepalive-interval': '200ms', 'keepalive-count-max': 3 } }

/** Milliseconds that a device is silent, several times what the keepalive allows. */
const silence = 4_000

const size = 3_000_000

const detached = (bridge: RunningBridge) => bridge.log().filter(({ msg }) => msg.startsWith('link detached'))

describe('a path on which an answer to a probe takes longer than the keepalive allows', () => {
  async function startBehindPipe(netconf: string): Promise<RunningBridge> {
    const keys = await makeTempDir('slow-path')
    const hostKey = await makeSshKey(keys.path, 'ed25519')
    const bridge = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
        devices: [{ id: 'router1', 'host-keys': [hostKey.publicKey] }],
        users: [opsUser()],
        ...impatient,
      }),
    )
    const pipe = own(await startSlowPipe({ host: bridge.host, port: bridge.callHomePort }, 400_000))
    own(
      await startSshdDevice({
        deviceId: 'router1',
        bridge: pipe.entrance,
        hostKeys: [hostKey],
        login: deviceLogin,
        subsystems: { netconf },
        redialDelay: 'never',
      }),
    )
    await bridge.logged(/^link attached/)
    await keys.remove()
    return bridge
  }

  it('brings a large reply whole', async () => {
    const bridge = await startBehindPipe(byteSubsystem.send(size))
    const { output } = await readAll(await openNetconf(own(await login(bridge, 'router1'))))
    expect(output.length).toBe(size)
    expect(createHash('sha256').update(output).digest('hex')).toBe(expectedHash(size))
    expect(detached(bridge)).toEqual([])
  })

  it('takes a large request whole', async () => {
    const bridge = await startBehindPipe(byteSubsystem.sink())
    const channel = await openNetconf(own(await login(bridge, 'router1')))
    for (const chunk of deterministicBytes(size)) channel.write(chunk)
    channel.end()
    const { output } = await readAll(channel)
    expect(JSON.parse(String(output))).toMatchObject({ bytes: size, sha256: expectedHash(size) })
    expect(detached(bridge)).toEqual([])
  })
})

describe('a device that is busy with one thing and answers nothing meanwhile', () => {
  const start = () => startAttachedDevice({ netconf: byteSubsystem.answers(), config: impatientConfig })
  const impatientConfig = impatient

  it('keeps its link while an RPC over HTTP waits, and the reply comes', async () => {
    const { bridge, device } = own(await start())
    const asked = curl(bridge, '/api/v1/devices/router1/rpc?timeout=5m', { body: '<commit><wait>500</wait></commit>' })
    await sessionOn(bridge)
    const goOn = await device.halt()
    await delay(silence)
    expect(detached(bridge)).toEqual([])
    goOn()
    expect((await asked).status).toBe(200)
    expect(detached(bridge)).toEqual([])
  })

  it('keeps it though it answers no other session meanwhile, and serves them again', async () => {
    const link = { ...impatient.link, 'channel-open-timeout': '200ms', 'max-lost-channels': 2 }
    const { bridge, device } = own(await startAttachedDevice({ netconf: byteSubsystem.answers(), config: { link } }))
    const asked = curl(bridge, '/api/v1/devices/router1/rpc?timeout=5m', { body: '<commit><wait>500</wait></commit>' })
    await sessionOn(bridge)
    const goOn = await device.halt()
    const others = [1, 2, 3, 4].map(() => curl(bridge, '/api/v1/devices/router1/rpc', { body: '<commit/>' }))
    expect((await Promise.all(others)).every(({ status }) => status >= 500)).toBe(true)
    expect(detached(bridge)).toEqual([])
    goOn()
    expect((await asked).status).toBe(200)
    expect((await curl(bridge, '/api/v1/devices/router1/rpc', { body: '<commit/>' })).status).toBe(200)
    expect(detached(bridge)).toEqual([])
  })

  it('keeps it for the time of that RPC and no longer', async () => {
    const { bridge, device } = own(await start())
    const asked = curl(bridge, '/api/v1/devices/router1/rpc?timeout=3s', { body: '<commit><wait>500</wait></commit>' })
    await sessionOn(bridge)
    const began = performance.now()
    const goOn = await device.halt()
    await bridge.logged(/^link detached/, { reason: 'keepalive-timeout' })
    expect(performance.now() - began).toBeGreaterThan(2_000)
    goOn()
    expect((await asked).status).toBe(504)
  })

  it.each([
    ['an RPC over SSH waits, and the reply comes', openNetconf],
    [
      'an RPC in the Junos form waits, and the reply comes',
      (client: Parameters<typeof openNetconf>[0]) => openCommand(client, 'netconf'),
    ],
  ])('keeps it while %s', async (_name, open) => {
    const { bridge, device } = own(
      await startAttachedDevice({
        netconf: byteSubsystem.answers(),
        config: impatient,
        device: { config: [`ForceCommand ${byteSubsystem.answers()}`] },
      }),
    )
    const channel = await open(own(await login(bridge, 'router1')))
    await once(channel, 'data')
    channel.write(`${hello}${rpc}`)
    await sent(bridge, `${hello}${rpc}`.length)
    const goOn = await device.halt()
    await delay(silence)
    expect(detached(bridge)).toEqual([])
    const replied = once(channel, 'data')
    goOn()
    expect(String(await replied)).toContain('<rpc-reply')
  })

  it.each([
    ['nobody has a session', async () => undefined],
    [
      'a session has asked nothing',
      async (bridge: RunningBridge) => {
        const channel = await openNetconf(own(await login(bridge, 'router1')))
        await once(channel, 'data')
        channel.write(hello)
        await sent(bridge, hello.length)
      },
    ],
  ])('is taken for gone where %s', async (_name, prepare) => {
    const { bridge, device } = own(await start())
    await prepare(bridge)
    const goOn = await device.halt()
    await bridge.logged(/^link detached/, { reason: 'keepalive-timeout' })
    goOn()
  })
})

describe('a path that drops all packets, without a word to either side', () => {
  /** The bridge and a device in a network namespace of their own, whose only way can be taken away. */
  async function startOnOwnPath() {
    const up = 'ip link set lo up && exec "$@"'
    const bridge = own(
      await startBridge(
        {
          credentials: { default: { username: 'netconf', password: 'pw-sim' } },
          devices: [{ id: 'sim-1', secret: 'secret-of-the-device' }],
          link: { ...impatient.link, 'reconnect-wait': '0s' },
        },
        { through: ['unshare', '--user', '--map-root-user', '--net', 'sh', '-c', up, 'sh'] },
      ),
    )
    const inside = ['nsenter', `--target=${bridge.process.pid}`, '--user', '--net', '--preserve-credentials']
    const to = `127.0.0.1:${bridge.callHomePort}`
    const simulate = [
      'simulate',
      '--count',
      '1',
      '--to',
      to,
      '--secret',
      'secret-of-the-device',
      '--password',
      'pw-sim',
    ]
    const [program, words] = dyingWithUs([...inside, process.execPath, main, ...simulate])
    const device = spawn(program, words, { stdio: 'ignore', detached: true })
    own({ stop: () => killGroup(device) })
    await bridge.logged(/^link attached/)
    const takeAway = () => promisify(execFile)('nsenter', [...inside.slice(1), 'ip', 'link', 'set', 'lo', 'down'])
    return { bridge, takeAway }
  }

  const request = '<get-config><source><running/></source></get-config>'

  it('ends the link, though an RPC of five minutes waits', async () => {
    const { bridge, takeAway } = await startOnOwnPath()
    const ask = () => curl(bridge, '/api/v1/devices/sim-1/rpc?timeout=5m', { body: request })
    // The session that this opens is used again.
    expect((await ask()).status).toBe(200)
    await takeAway()
    const began = performance.now()
    const asked = ask()
    const end = await bridge.logged(/^link detached/, { reason: 'keepalive-timeout' })
    expect(end.msg).toMatch(/TCP gets no acknowledgement/)
    // Three retransmissions by TCP take a second or two; the RPC would have had five minutes.
    expect(performance.now() - began).toBeLessThan(120_000)
    expect((await asked).status).toBeGreaterThanOrEqual(500)
  })

  it('ends it where nobody waits', async () => {
    const { bridge, takeAway } = await startOnOwnPath()
    await takeAway()
    await bridge.logged(/^link detached/, { reason: 'keepalive-timeout' })
  })
})

const hello =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'
const rpc =
  '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><get><wait>500</wait></get></rpc>]]>]]>'

interface Session {
  readonly bytesFromClient: number
}

async function sessions(bridge: RunningBridge): Promise<readonly Session[]> {
  const answer = await curl(bridge, '/api/v1/sessions', { method: 'GET' })
  return (JSON.parse(answer.body) as { readonly sessions: readonly Session[] }).sessions
}

/** The bytes of our hello and of the RPC after it; the one alone is shorter. */
async function sessionOn(bridge: RunningBridge): Promise<void> {
  await sent(bridge, hello.length + rpc.length)
}

/** Settles when a session has carried so many bytes to the device. */
async function sent(bridge: RunningBridge, bytes: number): Promise<void> {
  const found = async () => (await sessions(bridge)).some(({ bytesFromClient }) => bytesFromClient >= bytes)
  await waitFor(`a session with ${bytes} octets for the device`, found)
}
