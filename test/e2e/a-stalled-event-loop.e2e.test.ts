import { expect, test } from 'vitest'
import { startBridge } from './support/bridge.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'

const started = endAfterEach()

/** A module that keeps the bridge's event loop busy for half a second on SIGUSR2. */
const stallsOnSignal = `data:text/javascript,process.on('SIGUSR2', () => {
  for (const end = performance.now() + 500; performance.now() < end;);
})`

test('is told in the log and counted', async () => {
  const bridge = started(await startBridge({}, { nodeArguments: ['--import', stallsOnSignal.replaceAll('\n', '')] }))
  bridge.process.kill('SIGUSR2')
  const line = await bridge.logged(/event loop stalled/)
  expect(line.level).toBe('warn')
  expect(line['milliseconds']).toBeGreaterThanOrEqual(100)
  const counts = [...(await metricsOf(bridge))].filter(([name]) =>
    name.startsWith('homeport_event_loop_stall_seconds_count'),
  )
  expect(counts.reduce((all, [, count]) => all + count, 0)).toBeGreaterThan(0)
})
