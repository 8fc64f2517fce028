import { askBridge } from './ask-bridge.js'
import type { RunningBridge } from './bridge.js'

/** The value of each sample of the bridge's metrics, by its name with labels. */
export async function metricsOf(bridge: RunningBridge): Promise<ReadonlyMap<string, number>> {
  return samplesOf((await askBridge(bridge, '/metrics')).body)
}

/** The samples of a text in Prometheus' format. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.replace(/ [^ ]+$/, ''), Number(line.replace(/^.* /, ''))]))
}
