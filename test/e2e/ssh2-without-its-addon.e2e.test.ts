import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { CipherAlgorithm } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { jump } from './support/jump.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'

const own = endAfterEach()
const withoutAddon = fileURLToPath(new URL('./support/without-addon.cjs', import.meta.url))

let attached: AttachedDevice
beforeAll(async () => {
  attached = await startAttachedDevice({
    netconf: byteSubsystem.echo(),
    nodeArguments: ['--require', withoutAddon],
  })
})
afterAll(() => attached?.stop())

describe('a bridge whose ssh2 has no compiled addon', () => {
  it('says so', async () => {
    await attached.bridge.logged(/^ssh2 runs without its compiled addon/)
  })

  // All of these write in the midst of a packet, and chacha20 keeps its counter in a buffer of all connections.
  describe.each<CipherAlgorithm>(['chacha20-poly1305@openssh.com', 'aes128-gcm@openssh.com', 'aes256-ctr'])(
    'with %s',
    (cipher) => {
      const options = { algorithms: { cipher: [cipher] } }
      const sent = randomBytes(512 * 1024)

      it('carries a session untouched', async () => {
        const channel = await openNetconf(own(await login(attached.bridge, 'router1', options)))
        const back = readAll(channel)
        channel.end(sent)
        expect((await back).output.equals(sent)).toBe(true)
      })

      it('carries a session inside another connection untouched', async () => {
        const { inner } = own(await jump(attached.bridge, 'router1', options))
        const channel = await openNetconf(inner)
        const back = readAll(channel)
        channel.end(sent)
        expect((await back).output.equals(sent)).toBe(true)
      })
    },
  )
})
