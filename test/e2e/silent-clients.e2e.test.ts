import { once } from 'node:events'
import { expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startAttachedDevice } from './support/attached-device.js'
import { stopReading } from './support/huge-window.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'

const own = endAfterEach()

it('a client that answers no probe is let go with a line that says so, where clients are probed at all', async () => {
  const { bridge } = own(
    await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      config: { endpoint: { ssh: { 'keepalive-interval': '200ms', 'keepalive-count-max': 3 } } },
    }),
  )
  const client = own(await login(bridge, 'router1'))
  const channel = await openNetconf(client)
  const echoed = once(channel, 'data')
  channel.write('hello')
  await echoed
  stopReading(client)
  const told = await bridge.logged(/^client let go: it answered no keepalive probe/, { reason: 'client-silent' })
  expect(told).toMatchObject({ level: 'info', user: 'ops' })
  await bridge.logged(/^session closed/, { endedBy: 'client' })
  expect(bridge.log().some(({ msg }) => /is let go, because it answers only while it reads/.test(msg))).toBe(true)
})
