/**
 * Device software that mixes up its own answers when several sessions of a connection are busy. A device on libnetconf2 (netopeer2) shows the
 * identification of libssh where nobody configured another one.
 */
const ONE_AT_A_TIME = /^libssh[-_]|libnetconf2|netopeer2/i

/** What decides how many sessions a device gets at a time. */
export interface SessionBounds {
  /** `link.max-sessions`, or what the file says of this device. */
  readonly maxSessions: number
  /** Whether the file says it of this very device. */
  readonly ownMaxSessions?: boolean
}

/**
 * How many sessions a device gets at a time: `max-sessions`, but one where its software corrupts its stream with several (`Mismatched MAC`),
 * unless the file says otherwise of this very device.
 */
export function mostSessions({ maxSessions, ownMaxSessions = false }: SessionBounds, software: string): number {
  return ownMaxSessions || !ONE_AT_A_TIME.test(software) ? maxSessions : 1
}

/** Of devices whose software ends badly with a connection. */
const PATIENCE = 10

/**
 * How many channels a device may leave unanswered on one link before the link is ended for it: as many as it has sessions, and no more than `limit`.
 * libnetconf2 2.x serves on with such channels, but loops for ever when the connection ends; so its link is ended for this much later.
 */
export function mostLostChannels({ maxSessions }: SessionBounds, limit: number, software: string): number {
  return ONE_AT_A_TIME.test(software) ? limit * PATIENCE : Math.min(limit, maxSessions)
}
