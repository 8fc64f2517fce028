import { networkOf } from '../net/source-network.js'
import type { LinkRefusal } from './events.js'

/**
 * Reasons why calls are refused by the thousand when many come at once. They tell of the bridge and not of the device, so a line of the log and a write to the
 * store for each would cost more than the refusal; the metrics count all of them.
 */
const CROWD_REASONS: ReadonlySet<string> = new Set([
  'too-many-handshakes',
  'too-many-from-source',
  'queue-timeout',
  'closed-early',
  'penalised',
  'gave-way',
])

/** Whether a call was refused because of all the others that came with it. */
export function isOverloadRefusal({ reason }: { readonly reason: string }): boolean {
  return CROWD_REASONS.has(reason)
}

/** What refusals are counted under where there are too many: the device id that was claimed, or the network that the call came from. */
export function partyOf({ deviceId, source }: Pick<LinkRefusal, 'deviceId' | 'source'>): string {
  return deviceId ?? networkOf(source.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'))
}
