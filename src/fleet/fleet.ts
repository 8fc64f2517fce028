import type { DeviceStatus } from './device-status.js'
import type { FleetEventFeed } from './events.js'
import type { DeviceChannel } from './link.js'
import type { CarriedBytes, LiveSession } from './live-session.js'
import type { SessionClient } from './session-client.js'
import type { FleetSessionRefusal } from './refusals/sessions.js'
import type { SessionRequest } from './session-request.js'
import type { SessionHandle } from './session-register.js'

/**
 * All devices that we know, with their links. The only way from a client to a device.
 *
 * Every answer and every event may come from another node, so whoever asks keeps to this:
 * - an answer is a copy of how things were when it was made, in plain data (what `structuredClone` takes), and things
 *   may have changed since;
 * - a session and a device are named by their ids; what acts on one is asynchronous and says whether there was one;
 * - an event comes some time after what it tells of, also after the answer to the call that caused it.
 * Only what is carried stays where it is: a session's channel, and its handle, are in the hands of whoever opened it.
 *
 *     a link       call home ──attach──▶ attached ──its end──▶ detached ──attach──▶ attached …
 *                                           │ ▲
 *        another proven link of the device  │ │ the older one ends: `replaced`, with its sessions; clients that
 *                                           ▼ │ wait for a session get it on the newer one
 *                                        challenged
 *                                           │ twice within a minute the newer one takes its place at once; the third
 * time the older
 *                                           │ one is asked whether it is there, and where it answers within
 * `replaceWait` …
 *                                           ▼
 *                                        contested: the newer one is turned away (`identity-contested`)
 *
 *     a session    openSession ──▶ no link ───── within `reconnectWait` of a loss ──▶ waits for a link ──▶ (from the
 * top)
 *                      │              └───────── otherwise ──▶ refused: `not-connected`
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
  /** Waits for a device to have a link, for at most so many milliseconds; whether it has one then. */
  readonly whenAttached: (deviceId: string, wait: number, signal?: AbortSignal) => Promise<boolean>
  /** The sessions that clients have on devices now, the oldest first. */
  readonly sessions: () => Promise<readonly LiveSession[]>
  /** Ends a session, and tells its client who did it. False when there is none of this id. */
  readonly endSession: (id: string, by: string) => Promise<boolean>
  /** Ends a device's link, with its sessions; the device dials again. False when it has none. */
  readonly disconnect: (deviceId: string, by: string) => Promise<boolean>
  readonly counts: () => Promise<FleetCounts>
}

/**
 * A session on a device is the device's own channel; its handle tells the fleet what is carried, and is told when it is
 * killed.
 */
export type SessionOpening =
  | { readonly ok: true; readonly channel: DeviceChannel; readonly session: SessionHandle }
  | { readonly ok: false; readonly refusal: FleetSessionRefusal }

/** What there is now, for metrics. */
export interface FleetCounts {
  readonly links: number
  readonly sessions: Readonly<Record<SessionClient['via'], number>>
  /** Clients that wait for a session: for a free one on a link, or for a device that lost its link. */
  readonly waitingSessions: number
  /** Carried since the start. */
  readonly bytes: CarriedBytes
}
