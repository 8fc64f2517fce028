import type { DeviceChannel, Link, LinkEnd } from './link.js'
import type { FleetSessionRefusal } from './refusals/sessions.js'
import type { SessionRequest } from './session-request.js'

/**
 * The other nodes, as the fleet of a node sees them: they are told which devices are here, and asked for sessions on
 * those that are not. A bridge alone has none.
 *
 * They call back by `LocalFleet.handOver`, where a newer link of a device was proven at one of them, and by
 * `LocalFleet.openSession` with `client.node`, for clients of theirs.
 */
export interface Elsewhere {
  /** A proven link has its place here. @returns when it was proven, by the clock that all nodes share */
  readonly attached: (link: Pick<Link, 'deviceId' | 'source'>) => number
  /** The last link of a device here has ended. */
  readonly detached: (deviceId: string, end: LinkEnd) => void
  /** Opens a session at the node that has the device, where one has it. */
  readonly openSession: (asked: SessionElsewhere, signal?: AbortSignal) => Promise<OpeningElsewhere>
  /** The node that has a device and is reached, as far as anybody has told; nobody is asked. */
  readonly nodeOf: (deviceId: string) => string | undefined
  /**
   * Calls `wake`, perhaps more than once, when a device may have a link at a node that is reached.
   * @returns what ends that
   */
  readonly watch: (deviceId: string, wake: () => void) => () => void
}

/** A session that is asked for at another node. */
export interface SessionElsewhere extends SessionRequest {
  /** By which it is in the registers of both nodes. */
  readonly sessionId: string
  /** Milliseconds that the client waits for a place on a link that is full. */
  readonly wait: number
}

export type OpeningElsewhere =
  | { readonly ok: true; readonly channel: DeviceChannel; readonly node: string }
  /** The node that has the device has no session for it. */
  | { readonly ok: false; readonly cause: 'refused'; readonly refusal: FleetSessionRefusal }
  /** No node has it, as far as anybody knows; with how its last link ended, where that is known. */
  | { readonly ok: false; readonly cause: 'nowhere'; readonly lost?: { readonly at: Date; readonly end: LinkEnd } }
  /** The node that had it last is not reached: as good as a link that was lost when that node was last seen. */
  | { readonly ok: false; readonly cause: 'unreachable'; readonly node: string; readonly seen: Date }
