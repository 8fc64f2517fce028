import type { DeviceStatus } from './device-status.js'
import type { FleetEventFeed } from './events.js'
import type { DeviceChannel } from './link.js'
import type { CarriedBytes, LiveSession } from './live-session.js'
import type { SessionClient } from './session-client.js'
import type { FleetSessionRefusal } from './refusals/sessions.js'
import type { SessionRequest } from './session-request.js'
import type { KeyExchangeCounts } from '../telemetry/metrics.js'
import type { SessionHandle } from './session-register.js'

/**
 * All devices that the bridge knows, with their links. Clients reach devices through the fleet alone.
 *
 * An answer or an event may come from another node. Callers can therefore count on this, and on no more:
 * - an answer is a copy of the state at the time it was made, in plain data that `structuredClone` takes; the state may
 *   have changed since;
 * - a session or a device is named by its id; a function that acts on one is asynchronous and says whether it existed;
 * - an event arrives some time after what it reports, possibly after the answer to the call that caused it.
 * A session's channel and its handle stay with the caller that opened the session, and never move to another node.
 *
 *     a link       call home ──attach──▶ attached ──its end──▶ detached ──attach──▶ attached …
 *                                           │ ▲
 *                                           │ │ of a device that may have several, up to `maxConnections` are there
 *                                           │ │ beside each other (`link-added`, `link-ended`); above that,
 *        another proven link of the device  │ │ the oldest one ends: `replaced`, with its sessions; clients that
 *                                           ▼ │ wait for a session get it on a newer one
 *                                        challenged
 *                                           │ twice within a minute the newer one takes its place at once;
 *                                           │ the third time the older one is asked whether it is there,
 *                                           │ and where it answers within `replaceWait` …
 *                                           ▼
 *                                        contested: the newer one is turned away (`identity-contested`)
 *
 *     a session    openSession ──▶ no link ── within `reconnectWait` of a loss ──▶ waits for a link ──▶ (from the top)
 *                      │              └────── otherwise ──▶ refused: `not-connected`
 *                      ├─────────▶ a spare channel is ready ──▶ open
 *                      ├─────────▶ a free place ──▶ the device opens a channel ──▶ open
 *                      │              ▲                  └──▶ refused, or asked again where the device has no place yet
 *                      └─────────▶ no place ──▶ queued (`session-wanted`) ──▶ refused after `sessionWait`: `link-full`
 *
 *                  open ──▶ closed by the device, by its client, by `endSession`, or with its link
 */
export interface Fleet extends FleetEventFeed {
  readonly device: (id: string) => Promise<DeviceStatus | undefined>
  readonly devices: () => Promise<readonly DeviceStatus[]>
  /** @param signal aborted when the client goes away */
  readonly openSession: (asked: SessionRequest, signal?: AbortSignal) => Promise<SessionOpening>
  /** Waits until a device has a link, at most `wait` milliseconds. Says whether it has one then. */
  readonly whenAttached: (deviceId: string, wait: number, signal?: AbortSignal) => Promise<boolean>
  /** The sessions that clients have on devices now, the oldest first. */
  readonly sessions: () => Promise<readonly LiveSession[]>
  /** Ends a session, and tells its client who (`by`) did it. False when there is no session of this id. */
  readonly endSession: (id: string, by: string) => Promise<boolean>
  /**
   * Ends a device's links, or the one of this number, with all sessions on them; the device dials again. False when
   * there is none.
   */
  readonly disconnect: (deviceId: string, by: string, link?: number) => Promise<boolean>
  readonly counts: () => Promise<FleetCounts>
}

/**
 * A client's session is a channel on a link of the device. Whoever opened it counts its bytes on the handle, and learns
 * from the handle when an operator kills the session.
 */
export type SessionOpening =
  | { readonly ok: true; readonly channel: DeviceChannel; readonly session: SessionHandle }
  | { readonly ok: false; readonly refusal: FleetSessionRefusal }

/** How many links and sessions there are now, for metrics. */
export interface FleetCounts {
  /** Devices that have a link. */
  readonly attachedDevices: number
  readonly links: number
  /** Of those that tell how their keys were exchanged. */
  readonly linkKeyExchanges: KeyExchangeCounts
  /** When the first of the certificates ends that vouched for links, in milliseconds since 1970. */
  readonly firstCertificateEnd?: number
  readonly sessions: Readonly<Record<SessionClient['via'], number>>
  /** Clients that wait for a session, because the link is full or because the device has lost its link. */
  readonly waitingSessions: number
  /** Bytes carried since the bridge started. */
  readonly bytes: CarriedBytes
}
