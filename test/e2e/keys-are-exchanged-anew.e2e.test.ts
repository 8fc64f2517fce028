import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { startAsyncsshDevice } from './parts/asyncssh-device.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runPython } from './parts/clients.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir } from './parts/temp-dir.js'
import { within } from './parts/wait-for.js'
import { deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

// asyncssh exchanges keys strictly, and sends SSH_MSG_IGNORE before what it encrypts, in the middle of a key exchange
// too.

const own = endAfterEach()
const messages = 40
/** Bytes after which it exchanges keys anew: a few messages of 1,000. */
const rekeyBytes = 4_000

describe('a session goes on through key exchange after key exchange', () => {
  it('with a client on asyncssh', async () => {
    const attached = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const run = (await runPython('asyncssh_echoes.py', clientLogin(attached.bridge, 'router1'), {
      messages,
      rekeyBytes,
    })) as { readonly echoes: number; readonly exchanges: number }
    expect(run.echoes).toBe(messages)
    expect(run.exchanges).toBeGreaterThan(5)
  })

  it('with a device on asyncssh', async () => {
    const keys = await makeTempDir('asyncssh')
    own({ stop: () => keys.remove() })
    const hostKey = await makeSshKey(keys.path, 'ed25519')
    const bridge = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
        devices: [{ id: 'switch1', 'host-keys': [hostKey.publicKey] }],
        users: [opsUser()],
      }),
    )
    const device = own(
      startAsyncsshDevice({ bridge: { host: bridge.host, port: bridge.callHomePort }, hostKey, rekeyBytes }),
    )
    await bridge.logged(/^link attached/, { deviceId: 'switch1' })
    const client = await login(bridge, 'switch1')
    own({ stop: () => void client.end() })
    const channel = await openNetconf(client)
    for (let number = 0; number < messages; number += 1) {
      const message = `message ${number} `.padEnd(1_000, '.')
      let echoed = ''
      channel.write(message)
      while (echoed.length < message.length)
        echoed += String((await within(10_000, `the echo of message ${number}`, once(channel, 'data')))[0])
      expect(echoed).toBe(message)
    }
    expect(device.log.all.filter((line) => line.startsWith('exchange')).length).toBeGreaterThan(5)
    expect(bridge.log().filter(({ msg }) => msg.startsWith('link detached'))).toEqual([])
  })
})
