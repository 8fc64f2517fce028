import { FLEET_SESSION_REFUSALS, type FleetSessionRefusal, sessionRefusal } from '../fleet/refusals/sessions.js'
import { type ReasonOf, type RefusalEntries, refusalsBy } from '../lib/refusal.js'
import type { SessionNo } from './peer-messages.js'

/**
 * Why a node serves not at all what a peer asks it for. The peer looks elsewhere or asks again, so that clients read
 * none of these as a rule.
 */
const NODE_REFUSALS = {
  'not-here': {
    told: 'peer',
    text: (node: string, deviceId: string) => ({
      message: `node ${node} has no link of device ${JSON.stringify(deviceId)} any more, or has another one`,
      hint: 'nothing is to be done: the node of the client looks for it again',
      retry: true,
    }),
  },
  'not-verified': {
    told: 'peer',
    text: (node: string) => ({
      message: `node ${node} was stopped for a while, and is looking what it still has`,
      hint: 'nothing is to be done: it takes a moment; see the load of the machine where it happens again',
      retry: true,
    }),
  },
  'older-version': {
    told: 'peer',
    text: (node: string) => ({
      message: `node ${node} does not understand in what way it is asked for a session`,
      hint: 'bring it to the version of the other nodes: nodes of two versions in a row understand each other',
      retry: false,
    }),
  },
  'ask-too-long': {
    told: 'peer',
    text: (most: number) => ({
      message: `the device is at another node, and what is asked for takes more than the ${most} bytes that nodes tell`,
      hint: 'ask for less at once: send a long command by standard input',
      retry: false,
    }),
  },
} as const satisfies RefusalEntries

export type NodeRefusalReason = ReasonOf<typeof NODE_REFUSALS>

export const nodeRefusal = refusalsBy(NODE_REFUSALS)

/** What a client reads of the owner's refusal: the owner's own words, also where it is newer and has other reasons. */
export function fleetRefusal({ reason, message, hint }: SessionNo, node: string): FleetSessionRefusal {
  if (reason in FLEET_SESSION_REFUSALS) return { reason: reason as FleetSessionRefusal['reason'], message, hint }
  return sessionRefusal('refused-at-node', node, { message, hint })
}
