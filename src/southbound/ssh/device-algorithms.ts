import type { NetworkList } from '../../net/network-list.js'
import { plainAddress } from '../../net/ip.js'
import type { AlgorithmLists } from '../../ssh/algorithms.js'
import type { Claim } from '../../trust/claim.js'

/** Which devices may use other algorithms than the usual ones. */
export interface DeviceAlgorithms {
  readonly byId: ReadonlyMap<string, AlgorithmLists>
  /** For those that say no device id before key exchange; the first that fits counts. */
  readonly bySource: readonly { readonly from: NetworkList; readonly lists: AlgorithmLists }[]
}

/** A call before key exchange. */
export interface CallByClaim {
  readonly claim: Claim
  /** The device that it is judged as by its claim, where that is known. */
  readonly deviceId: string | undefined
  /** Where it comes from. */
  readonly address: string
}

/**
 * The algorithms for a call, chosen before key exchange by what it claims, which is not proven yet: they widen what may
 * be negotiated with who claims that, and prove nothing. A device that says who it is gets those of the id that it is
 * judged as alone, so that nobody on the way can have it fall back to those of its network, or of an id that they add.
 * Undefined for the usual ones.
 */
export function algorithmsForCall(
  { byId, bySource }: DeviceAlgorithms,
  { claim, deviceId, address }: CallByClaim,
): AlgorithmLists | undefined {
  if (claim.form === 'none') return bySource.find(({ from }) => from(plainAddress(address)))?.lists
  return deviceId === undefined ? undefined : byId.get(deviceId)
}
