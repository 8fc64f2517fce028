import type { DeviceStatus } from './device-status.js'
import type { EnrolmentView } from './enrolment/enrolment.js'

export const LINK_STATES = ['attached', 'refused', 'pending', 'away', 'never'] as const

/**
 * How a device stands to the bridge at this moment, in one word:
 * - `attached`: it has a link, here or at another node;
 * - `pending`: its calls are held, or turned away, until an operator decides on it;
 * - `refused`: the last that was heard of its id is a call that was refused, whoever made it;
 * - `away`: it was here before, and nothing was heard of it since;
 * - `never`: no call has ever claimed its id.
 */
export type LinkState = (typeof LINK_STATES)[number]

/** The state, and what tells more of it. */
export interface LinkStanding {
  readonly state: LinkState
  /** When it began: the link, the wait for a decision, or the absence. Of `refused`, when the last call was refused. */
  readonly since?: Date
  /** Of `refused`, and of `away` where that is known: the stable word for why, the message, and what to do. */
  readonly reason?: string
  readonly message?: string
  readonly hint?: string
}

/** A call in a device's name that was refused. */
export interface RefusedCall {
  readonly reason: string
  readonly message: string
  readonly source: string
  readonly at: Date
  readonly hint?: string
}

type Seen = {
  readonly status: Pick<DeviceStatus, 'link' | 'node' | 'lastDetached' | 'lastRefusal' | 'lastSeen'> | undefined
  readonly enrolment: Pick<EnrolmentView, 'standing' | 'firstSeen' | 'lastSeen' | 'lastRefusal'> | undefined
}

/** The link state of a device, from its place in the fleet and its enrolment; either may be missing. */
export function linkStandingOf({ status, enrolment }: Seen): LinkStanding {
  if (status?.link !== undefined) return { state: 'attached', since: status.link.attachedAt }
  if (status?.node !== undefined) return { state: 'attached', message: `at node ${status.node}` }
  if (enrolment?.standing === 'pending')
    return { state: 'pending', ...(enrolment.firstSeen === undefined ? {} : { since: enrolment.firstSeen }) }
  const lastSeen = lastSeenOf({ status, enrolment })
  const refusal = lastRefusalOf({ status, enrolment })
  if (refusal !== undefined && (lastSeen === undefined || refusal.at > lastSeen)) {
    const { at, reason, message, hint } = refusal
    return { state: 'refused', since: at, reason, message, ...(hint === undefined ? {} : { hint }) }
  }
  if (lastSeen === undefined) return { state: 'never' }
  const { end } = status?.lastDetached ?? {}
  return { state: 'away', since: lastSeen, ...(end === undefined ? {} : { reason: end.reason, message: end.message }) }
}

/** When a device was here last: its link began or ended, or its call was pending; undefined where it never was. */
export function lastSeenOf({ status, enrolment }: Seen): Date | undefined {
  return newest(
    [status?.lastSeen, enrolment?.lastSeen].filter((at) => at !== undefined),
    (at) => at,
  )
}

/**
 * The last call in a device's name that was refused. The enrolment keeps refusals over a restart, the fleet knows those
 * that touched no enrolment: the newest counts.
 */
export function lastRefusalOf({ status, enrolment }: Seen): RefusedCall | undefined {
  const { at, refusal } = status?.lastRefusal ?? {}
  const seen = at === undefined || refusal === undefined ? undefined : { ...refusal, at }
  return newest(
    [enrolment?.lastRefusal, seen].filter((refused) => refused !== undefined),
    (refused) => refused.at,
  )
}

/** The later one of the first for which both are as old. */
function newest<T>(those: readonly T[], at: (one: T) => Date): T | undefined {
  return those.toSorted((one, other) => at(other).getTime() - at(one).getTime())[0]
}
