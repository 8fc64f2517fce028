import { expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startAttachedDevice } from './support/attached-device.js'
import { type Report, reportsOnSignal } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'

const own = endAfterEach()

/** What is active more often than it was before. */
const grown = (before: Report, after: Report): Report['resources'] =>
  Object.fromEntries(Object.entries(after.resources).filter(([name, count]) => count > (before.resources[name] ?? 0)))

it('two thousand short sessions in a row leave no channel, timer or octet behind', async () => {
  const { bridge, device } = own(
    await startAttachedDevice({ netconf: byteSubsystem.echo(), nodeArguments: reportsOnSignal }),
  )
  const run = async (connections: number, sessionsEach: number): Promise<void> => {
    for (let connection = 0; connection < connections; connection += 1) {
      const from = bridge.lines.all.length
      const client = await login(bridge, 'router1')
      for (let at = 0; at < sessionsEach; at += 1) {
        const channel = await openNetconf(client)
        const whole = readAll(channel)
        channel.end('x')
        expect((await whole).output.toString()).toBe('x')
      }
      client.end()
      await bridge.logged(/^client disconnected/, {}, { from })
    }
  }
  // What the first thousand make the engine compile is not theirs.
  await run(60, 20)
  const before = await bridge.report()
  await run(100, 20)
  // The last lines of the audit log are written a moment after their sessions ended.
  await expect.poll(async () => grown(before, await bridge.report()), { timeout: 30_000 }).toEqual({})
  expect((await bridge.report()).heapUsed - before.heapUsed).toBeLessThan(1024 * 1024)
  expect(device.dials()).toBe(1)
})
