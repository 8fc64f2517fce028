import { networkOf, widerNetworkOf } from '../../net/source-network.js'

export interface PendingBounds {
  readonly maxPending: number
  /** Of one network (IPv4 address, IPv6 /64); of the network around it (/24, /48), four times as many. */
  readonly maxPendingPerSource: number
  /** Milliseconds after which a device that did not call again is forgotten. */
  readonly pendingLifetime: number
}

/** Bounds how many device ids wait for an operator, and chooses which one is dropped when there are too many. */
export interface PendingRoom {
  /** Notes a device id that waits, or that has called again; times in milliseconds since 1970. */
  readonly note: (deviceId: string, address: string, seen: number) => void
  readonly forget: (deviceId: string) => void
  /** Takes out those that have not called for too long, and gives their ids. */
  readonly expire: (now: number) => readonly string[]
  /**
   * Whether one more from this address may wait.
   * @returns the id that makes room where one has to: the oldest of a greedier network, or one that has not called for
   * ten minutes
   */
  readonly mayEnter: (address: string, now: number) => Entrance
}

export type Entrance = { readonly ok: true; readonly instead?: string } | { readonly ok: false }

interface Waiting {
  readonly network: string
  readonly wider: string
  readonly seen: number
}

/** How many times the bound on one network holds for the network around it. */
const TIMES_AROUND = 4
/** Milliseconds after which one that has not called again makes room: a device that waits dials every few seconds. */
const ABANDONED_AFTER = 600_000

export function createPendingRoom(bounds: () => PendingBounds): PendingRoom {
  // The one that was seen longest ago is the first.
  const waiting = new Map<string, Waiting>()
  const count = (key: 'network' | 'wider', network: string): number => {
    let found = 0
    for (const each of waiting.values()) if (each[key] === network) found += 1
    return found
  }

  const oldest = (isWanted: (each: Waiting) => boolean): string | undefined =>
    [...waiting].find(([, each]) => isWanted(each))?.[0]

  /** The network that has the most, if that is more than one other would have with one more. */
  const greedierThan = (own: number): string | undefined => {
    const held = new Map<string, number>()
    for (const { wider } of waiting.values()) held.set(wider, (held.get(wider) ?? 0) + 1)
    const [greediest] = [...held].toSorted(([, one], [, other]) => other - one)
    return greediest !== undefined && greediest[1] > own + 1 ? greediest[0] : undefined
  }

  return {
    note: (deviceId, address, seen) => {
      const network = networkOf(address)
      const before = waiting.get(deviceId)?.seen ?? 0
      waiting.delete(deviceId)
      waiting.set(deviceId, { network, wider: widerNetworkOf(network), seen: Math.max(seen, before) })
    },
    forget: (deviceId) => void waiting.delete(deviceId),
    expire: (now) => {
      const expired = [...waiting].flatMap(([deviceId, { seen }]) =>
        now - seen > bounds().pendingLifetime ? [deviceId] : [],
      )
      for (const deviceId of expired) waiting.delete(deviceId)
      return expired
    },
    mayEnter: (address, now) => {
      const network = networkOf(address)
      const wider = widerNetworkOf(network)
      const { maxPending, maxPendingPerSource } = bounds()
      const around = count('wider', wider)
      const abandoned = (isAmong: (each: Waiting) => boolean): Entrance => {
        const instead = oldest((each) => isAmong(each) && now - each.seen >= ABANDONED_AFTER)
        return instead === undefined ? { ok: false } : { ok: true, instead }
      }
      if (count('network', network) >= maxPendingPerSource) return abandoned((each) => each.network === network)
      // What has no network around it is bounded once.
      if (wider !== network && around >= maxPendingPerSource * TIMES_AROUND)
        return abandoned((each) => each.wider === wider)
      if (waiting.size < maxPending) return { ok: true }
      const greedy = greedierThan(around)
      const instead = greedy === undefined ? undefined : oldest((each) => each.wider === greedy)
      return instead === undefined ? abandoned(() => true) : { ok: true, instead }
    },
  }
}
