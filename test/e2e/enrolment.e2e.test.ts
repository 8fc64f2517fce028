import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh } from './parts/clients.js'
import { junosPreamble } from './parts/preamble.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { type SshdDevice, type SshdDeviceOptions, startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { type ConfigFile, type RunningBridge, reportsOnSignal, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const credentials = { default: { username: deviceLogin.user, password: deviceLogin.password } }

async function newKey(): Promise<SshKey> {
  const keys = await makeTempDir('keys')
  own({ stop: keys.remove })
  return makeSshKey(keys.path, 'ed25519')
}

/** A bridge that knows no device; its data stay in `directory`. */
function bridgeIn(directory: string, more: ConfigFile = {}): Promise<RunningBridge> {
  return startBridge({ credentials, users: [opsUser()], 'data-dir': directory, ...more })
}

async function bridge(more: ConfigFile = {}): Promise<RunningBridge> {
  const data = await makeTempDir('data')
  own({ stop: data.remove })
  return own(await bridgeIn(data.path, more))
}

async function call(to: RunningBridge, hostKey: SshKey, more: Partial<SshdDeviceOptions> = {}): Promise<SshdDevice> {
  return own(
    await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: to.host, port: to.callHomePort },
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
      ...more,
    }),
  )
}

type Shown = {
  readonly id: string
  readonly standing: string
  readonly pins: readonly { readonly fingerprint: string }[]
  readonly presented?: { readonly fingerprint: string }
  readonly link: object | null
  readonly lastRefusal?: { readonly reason: string }
}

async function devices(of: RunningBridge): Promise<readonly Shown[]> {
  const { stdout, stderr, status } = await operate(of, 'devices', 'list', '--json')
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  const answer = JSON.parse(stdout) as readonly Shown[] | { readonly devices: readonly Shown[] }
  return 'devices' in answer ? answer.devices : answer
}

/** Decides on the key that the device id shows, as somebody does who has compared its fingerprint. */
async function decide(on: RunningBridge, action: 'approve' | 'repin', id: string, ...more: readonly string[]) {
  const fingerprint = (await devices(on)).find((device) => device.id === id)?.presented?.fingerprint ?? 'none'
  return operate(on, 'devices', action, id, '--fingerprint', fingerprint, ...more)
}

async function echoes(through: RunningBridge, deviceId: string): Promise<void> {
  const client = own(await login(through, deviceId))
  const channel = await openNetconf(client)
  const echoed = once(channel, 'data')
  channel.write('here')
  expect(String(await echoed)).toBe('here')
}

describe('a device that nothing vouches for', () => {
  it('is pending without credentials being sent, shows its fingerprint, and attaches by itself once approved', async () => {
    const running = await bridge()
    const device = await call(running, await newKey())
    const pending = await running.logged(/^device pending/, { deviceId: 'router1' })
    expect(await devices(running)).toMatchObject([
      { id: 'router1', standing: 'pending', presented: { fingerprint: pending['hostKeyFingerprint'] }, link: null },
    ])
    expect(device.log.all.join('\n')).not.toMatch(/userauth-request/)
    const waits = /device "router1" waits for approval.*homeport devices approve router1/s
    expect((await runSsh(clientLogin(running, 'router1'))).stderr).toMatch(waits)
    for (const command of [['get-config'], ['devices', 'disconnect']])
      expect((await operate(running, ...command, 'router1')).stderr).toMatch(waits)

    const { stdout, status } = await decide(running, 'approve', 'router1')
    expect(status).toBe(0)
    expect(stdout).toContain(String(pending['hostKeyFingerprint']))
    await running.logged(/^link attached/, { deviceId: 'router1' })
    expect(device.dials()).toBe(1)
    await echoes(running, 'router1')
  })

  it('is approved for good: after kill -9 of the bridge it attaches at once', async () => {
    const data = await makeTempDir('data')
    own({ stop: data.remove })
    const first = await bridgeIn(data.path)
    const key = await newKey()
    const device = await call(first, key, { redialDelay: 'never' })
    await first.logged(/^device pending/)
    expect((await decide(first, 'approve', 'router1')).status).toBe(0)
    first.process.kill('SIGKILL')
    await once(first.process, 'exit')
    await device.stop()

    const second = own(await bridgeIn(data.path))
    await call(second, key)
    await second.logged(/^link attached/, { deviceId: 'router1' })
    expect(second.log().filter(({ msg }) => msg.startsWith('device pending'))).toEqual([])
  })

  it('that is rejected is let go, and refused as such from then on', async () => {
    const running = await bridge()
    await call(running, await newKey())
    await running.logged(/^device pending/)
    expect((await operate(running, 'devices', 'reject', 'router1')).status).toBe(0)
    await running.logged(/^call refused/, { reason: 'rejected' })
    expect(await devices(running)).toMatchObject([
      { id: 'router1', standing: 'rejected', lastRefusal: { reason: 'rejected' } },
    ])
    const from = running.lines.all.length
    expect((await operate(running, 'devices', 'forget', 'router1')).status).toBe(0)
    await running.logged(/^device pending/, {}, { from })
  })

  it('without a device id goes by its fingerprint, until it is approved under a name', async () => {
    const running = await bridge()
    await call(running, await newKey(), { preamble: 'none' })
    const pending = await running.logged(/^device pending/)
    expect(pending['deviceId']).toBe(pending['hostKeyFingerprint'])
    expect((await decide(running, 'approve', String(pending['deviceId']), '--as', 'switch1')).status).toBe(0)
    await running.logged(/^link attached/, { deviceId: 'switch1' })
    await echoes(running, 'switch1')
  })

  it('is held for a bounded time, and pends again when it calls again', async () => {
    const running = await bridge({ trust: { 'pending-timeout': '300ms' } })
    await call(running, await newKey())
    await running.logged(/^call refused/, { reason: 'pending' })
    const from = running.lines.all.length
    await running.logged(/^device pending/, {}, { from })
    expect(await devices(running)).toHaveLength(1)
  })

  it('is believed at its first call where the policy says so, and by that key from then on', async () => {
    const running = await bridge({ trust: { 'first-use': 'accept' } })
    await call(running, await newKey(), { redialDelay: 'never' })
    await running.logged(/^link attached/, { deviceId: 'router1' })
    await call(running, await newKey(), { redialDelay: 'never' })
    await running.logged(/^call refused/, { reason: 'host-key-not-pinned' })
  })

  it('is refused where the policy says so', async () => {
    const running = await bridge({ trust: { 'first-use': 'refuse' } })
    await call(running, await newKey(), { redialDelay: 'never' })
    await running.logged(/^call refused/, { reason: 'unknown-device' })
    expect(await devices(running)).toEqual([])
  })
})

describe('a device after a hardware swap', () => {
  it('is refused with its new key, until it is bound to that one', async () => {
    const running = await bridge()
    const before = await call(running, await newKey())
    await running.logged(/^device pending/)
    await decide(running, 'approve', 'router1')
    await running.logged(/^link attached/)
    await before.stop()

    const fresh = await call(running, await newKey())
    await running.logged(/^call refused/, { reason: 'host-key-not-pinned' })
    expect(await devices(running)).toMatchObject([{ lastRefusal: { reason: 'host-key-not-pinned' } }])
    const from = running.lines.all.length
    const another = `SHA256:${'A'.repeat(43)}`
    expect(await operate(running, 'devices', 'repin', 'router1', '--fingerprint', another)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(another) as string,
    })
    expect((await decide(running, 'repin', 'router1')).status).toBe(0)
    await running.logged(/^link attached/, {}, { from })
    expect(fresh.dials()).toBeGreaterThan(1)
  })
})

describe('the HMAC of a secret', () => {
  it('binds the device to the key that it vouched for: later another one is refused, with the right HMAC too', async () => {
    const running = await bridge({ devices: [{ id: 'router1', secret: 's3cret' }] })
    const first = await call(running, await newKey(), { preamble: 'junos-secret', secret: 's3cret' })
    await running.logged(/^link attached/)
    expect(await devices(running)).toMatchObject([{ standing: 'configured', pins: [{}] }])
    await first.stop()
    await call(running, await newKey(), { preamble: 'junos-secret', secret: 's3cret' })
    await running.logged(/^call refused/, { reason: 'host-key-not-pinned' })
  })

  it('does not tell two device ids apart that share it', async () => {
    const running = await bridge({
      devices: [
        { id: 'router1', secret: 'shared' },
        { id: 'router2', secret: 'shared' },
      ],
    })
    await call(running, await newKey(), { preamble: 'junos-secret', secret: 'shared' })
    await running.logged(/^call refused/, { reason: 'shared-secret', claimed: 'router1' })
  })
})

describe('a stranger who dials with a live device’s id again and again', () => {
  it('is never noticed by the live link; memory and store stay bounded', async () => {
    const { bridge: running } = own(
      await startAttachedDevice({ netconf: byteSubsystem.echo(), nodeArguments: reportsOnSignal }),
    )
    const client = own(await login(running, 'router1'))
    const channel = await openNetconf(client)
    const strike = async (): Promise<void> => {
      const socket = connect(running.callHomePort, running.host).resume()
      socket.on('error', () => undefined)
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.write(junosPreamble('router1'))
      socket.write('SSH-2.0-stranger\r\n')
      socket.end(Buffer.alloc(64, 0xff))
      await closed
    }
    for (let at = 0; at < 100; at += 1) await strike()
    const before = await running.report()
    for (let at = 0; at < 600; at += 1) {
      await strike()
      if (at % 50 === 0) {
        const echoed = once(channel, 'data')
        channel.write(`still ${at}`)
        expect(String(await echoed)).toBe(`still ${at}`)
      }
    }
    const after = await running.report()
    expect(after.heapUsed - before.heapUsed).toBeLessThan(1024 * 1024)
    expect(running.log().filter(({ msg }) => /^link (replaced|detached)/.test(msg))).toEqual([])
    expect(await devices(running)).toHaveLength(1)
  })
})

describe('a device of the configuration file', () => {
  const config = (devices: readonly object[]): ConfigFile => ({ credentials, users: [opsUser()], devices })

  it('is out with its entry: its link ends, its pin is gone, and it is a stranger from then on, also after a restart', async () => {
    const data = await makeTempDir('data')
    own({ stop: data.remove })
    const key = await newKey()
    const first = await bridgeIn(data.path, { devices: [{ id: 'router1', secret: 'sec1' }] })
    own(first)
    const device = await call(first, key, { secret: 'sec1', preamble: 'junos-secret' })
    await first.logged(/^link attached/, { deviceId: 'router1' })

    await first.reload({ ...config([{ id: 'router1', secret: 'sec9' }]), 'data-dir': data.path })
    await first.logged(/^link detached/, { deviceId: 'router1', reason: 'no-longer-proven' })
    await first.logged(/^call refused/, { claimed: 'router1', reason: 'wrong-hmac' })

    await first.reload({ ...config([]), 'data-dir': data.path })
    await first.logged(/^enrolments ended/)
    await first.logged(/^device pending/, { deviceId: 'router1' })
    expect(await devices(first)).toMatchObject([{ id: 'router1', standing: 'pending', pins: [], link: null }])
    await device.stop()
    await first.stop()

    const second = own(await bridgeIn(data.path))
    await call(second, key, { secret: 'sec1', preamble: 'junos-secret' })
    await second.logged(/^device pending/, { deviceId: 'router1' })
  })
})

describe('homeport devices', () => {
  it('says where no bridge answers', async () => {
    const running = await bridge()
    running.process.kill('SIGTERM')
    await once(running.process, 'exit')
    const { stderr, status } = await operate(running, 'devices', 'list')
    expect(stderr).toMatch(/no bridge answers on .*homeport\.sock.*homeport serve/s)
    expect(status).toBe(1)
  })

  it('says that a device is unknown, and what to do', async () => {
    const running = await bridge()
    const { stderr, status } = await operate(running, 'devices', 'show', 'nobody')
    expect(stderr).toMatch(/no device "nobody" is known here/)
    expect(status).toBe(1)
  })
})
