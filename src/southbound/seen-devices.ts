import type { EnrolmentDesk } from '../fleet/enrolment/enrolment-service.js'
import type { Rank } from '../lib/fair-queue.js'
import { createNewestSet } from '../lib/newest-set.js'
import { networkOf } from '../net/source-network.js'
import type { Claim } from '../trust/claim.js'

/** Which devices were attached before, and from where: they come first when many call at once. A claim is not proven yet, so it gets nobody more than a better place. */
export interface Acquaintances {
  /** Notes a device that attached. */
  met(deviceId: string, network: string): void
  /** Whether a device from there was attached before. */
  knows(network: string): boolean
  rankOf(claim: Claim, network: string): Rank
}

/**
 * @param bounds.max of device ids, and of the networks that they called from, so many are remembered, the newest
 * @param bounds.onForgotten told of each that was forgotten because there were more
 */
export function createAcquaintances(
  desk: Pick<EnrolmentDesk, 'seenBefore' | 'expects'>,
  bounds: { readonly max: () => number; readonly onForgotten: () => void },
): Acquaintances {
  const ids = createNewestSet(bounds)
  const networks = createNewestSet(bounds)
  const met = (deviceId: string, network: string): void => {
    ids.add(deviceId)
    networks.add(network)
  }
  for (const { deviceId, addresses } of desk.seenBefore())
    for (const address of addresses) met(deviceId, networkOf(address.replace(/^\[(.*)\]$/, '$1')))
  return {
    met,
    knows: (network) => networks.has(network),
    rankOf: ({ form, deviceIds }, network) => {
      if (form === 'none') return networks.has(network) ? 'familiar' : 'stranger'
      const expected = deviceIds.filter((id) => desk.expects(id))
      if (expected.some((id) => ids.has(id))) return 'familiar'
      return expected.length > 0 ? 'expected' : 'stranger'
    },
  }
}
