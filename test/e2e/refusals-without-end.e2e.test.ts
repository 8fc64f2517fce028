import { expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startAttachedDevice } from './support/attached-device.js'
import { way } from './support/jump.js'
import { endAfterEach } from './support/resources.js'
import { closeOf, login, openNetconf } from './support/test-client.js'
import { ops } from './support/users.js'

const own = endAfterEach()

/** How many of each a client asks for; far more than lines are written. */
const ASKED = 100

it('a client that is refused without end fills no log', async () => {
  const { bridge } = own(
    await startAttachedDevice({
      netconf: byteSubsystem.deaf(),
      config: { endpoint: { ssh: { 'max-sessions-per-connection': 1 } } },
    }),
  )
  const onDevice = await login(bridge, 'router1')
  await openNetconf(onDevice)
  const further = Array.from({ length: ASKED }, () => openNetconf(onDevice))
  for (const outcome of await Promise.allSettled(further)) expect(outcome.status).toBe('rejected')
  const outer = await login(bridge, '', { username: ops.name })
  const ways = Array.from({ length: ASKED }, () => way(outer, 'nosuch'))
  for (const outcome of await Promise.allSettled(ways)) expect(outcome.status).toBe('rejected')
  for (const client of [onDevice, outer]) {
    const gone = closeOf(client)
    client.end()
    await gone
  }
  const goodbyes = () => bridge.log().filter((line) => line['msg'] === 'client disconnected').length
  await expect.poll(goodbyes).toBe(2)
  const lines = (reason: string) => bridge.log().filter((line) => line['reason'] === reason).length
  for (const reason of ['too-many-sessions', 'not-a-device', 'too-many-jumps']) expect(lines(reason)).toBeLessThan(25)
  expect(lines('too-many-sessions')).toBeGreaterThan(0)
  expect(lines('not-a-device') + lines('too-many-jumps')).toBeGreaterThan(0)
})
