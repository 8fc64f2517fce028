import type { Config } from '../config/schema.js'
import { networkList } from '../net/network-list.js'
import type { LegacyAccess } from '../northbound/ssh/legacy-access.js'
import type { DeviceAlgorithms } from '../southbound/ssh/device-algorithms.js'
import { resolveAlgorithms } from '../ssh/algorithm-sets.js'

/** Who may use which old algorithms as a client; undefined where there is no listener for them. */
export function legacyAccessFrom({
  algorithmSets,
  endpoint,
}: Pick<Config, 'algorithmSets' | 'endpoint'>): LegacyAccess | undefined {
  const { legacy } = endpoint.ssh
  if (legacy === undefined) return undefined
  const { lists } = resolveAlgorithms(legacy.algorithms, algorithmSets)
  return { lists, users: new Set(legacy.users), devices: legacy.devices }
}

type AlgorithmsConfig = Pick<Config, 'algorithmSets' | 'callHome' | 'devices'>

/** The algorithms of devices, of a configuration in which they were found to be in order. */
export function deviceAlgorithmsFrom({ algorithmSets, callHome, devices }: AlgorithmsConfig): DeviceAlgorithms {
  return {
    byId: new Map(
      devices.flatMap(({ id, algorithms }) =>
        algorithms === undefined ? [] : [[id, resolveAlgorithms(algorithms, algorithmSets).lists] as const],
      ),
    ),
    bySource: callHome.ssh.algorithms.map(({ from, ...written }) => ({
      from: networkList(from),
      lists: resolveAlgorithms(written, algorithmSets).lists,
    })),
  }
}
