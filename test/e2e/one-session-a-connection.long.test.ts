import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runNcclient, runSsh, startSsh } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { type SshdDevice, startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { askBridge } from './support/ask-bridge.js'
import { deviceLogin } from './support/attached-device.js'
import { type RunningBridge, startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { opsUser } from './support/users.js'

const hello =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'
/** How the bridge itself ends a session, in the framing of NETCONF 1.1. */
const leave = /\n#\d+\n<rpc [^>]*message-id="1"><close-session\/><\/rpc>\n##\n/g
const held = (state: string) => new RegExp(`"heldSession":\\{"state":"${state}"`)

describe('a device that calls home by RFC 8071 alone, and serves one session a connection', () => {
  let directory: TempDir
  let bridge: RunningBridge
  let device: SshdDevice
  let heard: string
  let netconfd: Netconfd

  beforeAll(async () => {
    directory = await makeTempDir('one-session')
    heard = join(directory.path, 'heard')
    netconfd = await startNetconfd()
    const hostKey = await makeSshKey(directory.path, 'ed25519')
    bridge = await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey] }],
      users: [opsUser()],
    })
    device = await startSshdDevice({
      deviceId: 'switch1',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      preamble: 'none',
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.record(heard, netconfd.subsystem) },
      config: ['MaxSessions 1'],
    })
    await bridge.logged(/^link attached/, { deviceId: 'switch1' })
  })
  afterAll(async () => {
    await device?.stop()
    await bridge?.stop()
    await netconfd?.stop()
    await directory?.remove()
  })

  /** What the device's sessions were sent, all of them. */
  const allHeard = () => readFile(heard, 'utf8').catch(() => '')
  const untilHeld = (state: string) =>
    waitFor(`the held session to be ${state}`, async () =>
      held(state).test((await askBridge(bridge, '/api/v1/devices/switch1')).body),
    )

  it('has a session held for it that announces both versions of NETCONF', async () => {
    await untilHeld('open')
    await waitFor('the hello to be heard', async () => (await allHeard()).includes('</hello>'))
    expect(await allHeard()).toMatch(/netconf:base:1\.0<.*netconf:base:1\.1</)
  })

  it('serves one client after the other, and the held session takes leave before each and comes back behind it', async () => {
    for (let round = 1; round <= 3; round += 1) {
      const { replies } = await runNcclient(clientLogin(bridge, 'switch1'), { steps: [{ do: 'close' }] })
      expect(replies.map((reply) => reply.do)).toEqual(['close'])
      expect((await allHeard()).match(leave)).toHaveLength(round)
      await untilHeld('open')
    }
    expect(device.dials()).toBe(1)
    expect(bridge.log().filter(({ msg }) => /^link (detached|replaced)|held|holds/.test(msg))).toEqual([])
  })

  it('serves clients that wait for each other, and loses none', async () => {
    const clients = Array.from({ length: 4 }, () => runSsh(clientLogin(bridge, 'switch1'), hello))
    const ends = await Promise.all(clients)
    expect(ends.map(({ status, stdout }) => [status, stdout.toString().includes('</hello>')])).toEqual(
      ends.map(() => [0, true]),
    )
    await untilHeld('open')
    expect(device.dials()).toBe(1)
  })

  it('is not taken from by clients that hang up as soon as they have asked', async () => {
    for (let round = 0; round < 3; round += 1) {
      const ssh = startSsh(clientLogin(bridge, 'switch1'))
      await bridge.logged(/^client authenticated/, {}, { from: bridge.lines.all.length - 1 })
      await ssh.kill()
    }
    await untilHeld('open')
    const { status } = await runSsh(clientLogin(bridge, 'switch1'), hello)
    expect(status).toBe(0)
    expect(device.dials()).toBe(1)
  })
})
