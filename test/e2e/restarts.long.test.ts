import { describe, expect, it } from 'vitest'
import { runNcclient, startSsh } from './parts/clients.js'
import { freePort } from './parts/free-port.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { gone } from './parts/processes.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { curl, failureOf } from './support/curl.js'
import { endAfterEach } from './support/resources.js'
import { ops, opsUser } from './support/users.js'

const own = endAfterEach()
const hello =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'

async function start(redialDelay: number) {
  const keys = await makeTempDir('keys')
  own({ stop: keys.remove })
  const directory = await makeTempDir('bridge')
  own({ stop: directory.remove })
  const netconfd: Netconfd = own(await startNetconfd())
  const hostKey = await makeSshKey(keys.path, 'ed25519', 'host')
  const port = await freePort()
  const config = {
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    'call-home': { ssh: { address: '127.0.0.1', port } },
    devices: [
      { id: 'router1', 'host-keys': [hostKey.publicKey] },
      { id: 'away', secret: 's' },
    ],
    users: [opsUser()],
    'drain-timeout': '30s',
  }
  const startOne = () => startBridge(config, { directory: directory.path })
  const first = own(await startOne())
  const device = own(
    await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: '127.0.0.1', port },
      preamble: 'junos',
      hostKeys: [hostKey],
      login: deviceLogin,
      subsystems: { netconf: netconfd.subsystem },
      redialDelay,
    }),
  )
  await first.logged(/^link attached/, { deviceId: 'router1' })
  return { first, startOne, device }
}

describe('a bridge that ends and starts again', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'by %s: clients of a device that was attached are held until it calls again',
    async (signal) => {
      const { first, startOne } = await start(3_000)
      // What is attached is written a second later.
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      first.process.kill(signal)
      await gone(first.process)
      const second = own(await startOne())
      const { replies } = await runNcclient(clientLogin(second, 'router1'), { steps: [{ do: 'close' }] })
      expect(replies).toHaveLength(1)
      expect(second.log().filter(({ msg }) => msg.startsWith('session refused'))).toEqual([])
      const read = await curl(
        '-u',
        `${ops.name}:${ops.password}`,
        '-H',
        'Content-Type: application/xml',
        '-d',
        '<get/>',
        `${second.httpUrl}/api/v1/devices/away/rpc`,
      )
      expect(failureOf(read)).toBe('503 not-connected')
      expect(read.body).toMatch(/it has not called home since the bridge started \d+ s ago/)
    },
    60_000,
  )

  it('is not kept from stopping by a session that nothing is under way on, and its client is told', async () => {
    const { first } = await start(100)
    const ssh = startSsh(clientLogin(first, 'router1'))
    await ssh.write(hello)
    await ssh.output('</hello>]]>]]>')
    first.process.kill('SIGTERM')
    const { stderr, status } = await ssh.ended(10_000)
    expect(stderr).toMatch(/^homeport: session ended: the bridge is stopping$/m)
    expect(status).toBe(1)
    await gone(first.process)
    expect(first.process.exitCode).toBe(0)
    expect(first.log().some(({ msg }) => msg.includes('cut off'))).toBe(false)
  })
})
