import { networkOf } from '../net/source-network.js'
import type { LinkRefusal } from './refusals/call-home.js'

/**
 * What refusals are counted under where there are too many: the device id that was claimed, or the network that the
 * call came from.
 */
export function partyOf({ deviceId, source }: Pick<LinkRefusal, 'deviceId' | 'source'>): string {
  return deviceId ?? networkOf(source.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))
}
