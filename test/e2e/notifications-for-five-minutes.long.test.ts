import { expect, it } from 'vitest'
import { startSimulatedDevice } from '../../src/simulator/simulated-device.js'
import { waitFor } from './parts/wait-for.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { createTicker, listenByEventSource, upTo } from './support/ticking-device.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const minutes = 5

it('an EventSource hears every notification of five minutes once, through redials of the device and breaks of its own', async () => {
  const bridge = own(
    await startBridge({
      credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      devices: [{ id: 'sim-1', secret: 'secret of sim-1' }],
      users: [opsUser()],
    }),
  )
  const device = own(
    startSimulatedDevice({
      id: 'sim-1',
      bridge: { host: bridge.host, port: bridge.callHomePort },
      secret: 'secret of sim-1',
      username: deviceLogin.user,
      password: deviceLogin.password,
      redialDelay: 2_000,
      eventLogSize: 10_000,
    }),
  )
  await bridge.logged(/^link attached/, { deviceId: 'sim-1' })
  const listening = own(await listenByEventSource(bridge, 'sim-1'))
  await waitFor('the subscription', () => listening.told.includes('subscribed'), 20_000)
  const ticker = createTicker(device)
  const ticking = setInterval(ticker.tick, 100)
  const redialling = setInterval(device.disconnect, 45_000)
  const breaking = setInterval(listening.cut, 70_000)
  own({
    stop: () => {
      for (const timer of [ticking, redialling, breaking]) clearInterval(timer)
    },
  })
  const end = performance.now() + minutes * 60_000
  await waitFor('five minutes', () => performance.now() > end, (minutes + 1) * 60_000)
  for (const timer of [ticking, redialling, breaking]) clearInterval(timer)
  await waitFor('the last', () => listening.ticks.at(-1) === ticker.count, 60_000)
  expect(listening.ticks).toEqual(upTo(ticker.count))
  expect(listening.told.filter((event) => event === 'interrupted').length).toBeGreaterThan(3)
})
