import type { EnrolmentService } from '../fleet/enrolment/enrolment-service.js'
import type { Rank } from '../net/fair-queue.js'
import { createNewestSet } from '../lib/newest-set.js'
import { networkOf } from '../net/source-network.js'
import type { Claim } from '../trust/claim.js'

/**
 * Which devices were attached before, and from where: they come first when many call at once. A claim is not proven
 * yet, so it gets nobody more than a better place.
 */
export interface SeenDevices {
  /** Notes a device that attached. */
  readonly markSeen: (deviceId: string, network: string) => void
  /** Whether a device from there was attached before. */
  readonly hasSeen: (network: string) => boolean
  readonly rankOf: (claim: Claim, network: string) => Rank
}

/**
 * @param bounds.max of device ids, and of the networks that they called from, so many are remembered, the newest
 * @param bounds.onForgotten told of each that was forgotten because there were more
 */
export function createSeenDevices(
  service: Pick<EnrolmentService, 'seenBefore' | 'expects'>,
  bounds: { readonly max: () => number; readonly onForgotten: () => void },
): SeenDevices {
  const ids = createNewestSet(bounds)
  const networks = createNewestSet(bounds)
  const markSeen = (deviceId: string, network: string): void => {
    ids.add(deviceId)
    networks.add(network)
  }
  for (const { deviceId, addresses } of service.seenBefore())
    for (const address of addresses) markSeen(deviceId, networkOf(address.replace(/^\[(.*)\]$/, '$1')))
  return {
    markSeen,
    hasSeen: (network) => networks.has(network),
    rankOf: ({ form, deviceIds }, network) => {
      if (form === 'none') return networks.has(network) ? 'familiar' : 'stranger'
      const expected = deviceIds.filter((id) => service.expects(id))
      if (expected.some((id) => ids.has(id))) return 'familiar'
      return expected.length > 0 ? 'expected' : 'stranger'
    },
  }
}
