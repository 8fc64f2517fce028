import type { Link } from './link.js'

/**
 * Device software that mixes up its own answers when several sessions of a connection are busy. A device on libnetconf2
 * (netopeer2) shows the identification of libssh where nobody configured another one.
 */
const ONE_AT_A_TIME = /^libssh[-_]|libnetconf2|netopeer2/i

/** What decides how many sessions a device gets at a time. */
export interface SessionBounds {
  /** `link.max-sessions`, or what the file says of this device. */
  readonly maxSessions: number
  /** Whether the file says it of this very device. */
  readonly ownMaxSessions?: boolean
}

/** What a link itself says of that. */
export type SessionTraits = Pick<Link, 'software' | 'capacity'>

/**
 * How many sessions a device gets at a time on a link: `max-sessions`, and no more than the link has channels; one
 * where the device's software is limited to that.
 */
export function mostSessions(bounds: SessionBounds, { software, capacity }: SessionTraits): number {
  const most = isLimitedBySoftware(bounds, software) ? 1 : bounds.maxSessions
  return Math.min(most, capacity.channels ?? most)
}

/**
 * Whether a device gets one session at a time because its software corrupts its stream with several (`Mismatched MAC`),
 * unless the file says otherwise of this very device.
 */
export function isLimitedBySoftware({ ownMaxSessions = false }: SessionBounds, software: string): boolean {
  return !ownMaxSessions && ONE_AT_A_TIME.test(software)
}

/** Whose limit keeps a client from a session, and how many sessions it lets a device have. */
export type SessionLimit =
  /** The bridge's, from the configuration. */
  | { readonly whose: 'bridge'; readonly most: number; readonly key: 'link.max-sessions' | 'devices[].max-sessions' }
  /** The bridge's, for what it knows of the device's software. */
  | { readonly whose: 'software'; readonly software: string }
  /** That of the connection, which carries so many channels. */
  | { readonly whose: 'connection'; readonly most: number }
  /** The device's, which has refused another channel beside those that it has. */
  | { readonly whose: 'device'; readonly open: number; readonly saying: string }

/** Whose limit `mostSessions` is. */
export function sessionLimit(bounds: SessionBounds, traits: SessionTraits): SessionLimit {
  const { software, capacity } = traits
  const most = mostSessions(bounds, traits)
  if (isLimitedBySoftware(bounds, software)) return { whose: 'software', software }
  if (most < bounds.maxSessions && capacity.channels !== undefined) return { whose: 'connection', most }
  return { whose: 'bridge', most, key: bounds.ownMaxSessions === true ? 'devices[].max-sessions' : 'link.max-sessions' }
}

/** Of devices whose software ends badly with a connection. */
const PATIENCE = 10

/**
 * How many channels a device may leave unanswered on one link before the link is ended for it: as many as it has
 * sessions, and no more than `limit`. libnetconf2 2.x serves on with such channels, but loops for ever when the
 * connection ends; so its link is ended for this much later.
 */
export function mostLostChannels(
  { maxSessions }: SessionBounds,
  limit: number,
  { software, capacity }: SessionTraits,
): number {
  const most = Math.min(limit, maxSessions, capacity.channels ?? limit)
  return ONE_AT_A_TIME.test(software) && capacity.channels === undefined ? limit * PATIENCE : most
}
