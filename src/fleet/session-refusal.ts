import { ago } from './ago.js'
import type { ChannelPurpose, ChannelRequest, Link, LinkEnd } from './link.js'
import type { LinkRefusal } from './refusals/call-home.js'
import { describeRequest } from './describe-request.js'

export type SessionRefusalReason =
  | 'unknown-device'
  | 'not-connected'
  | 'link-full'
  | 'session-queue-full'
  | 'refused-by-device'
  | 'channel-unanswered'
  | 'cancelled'
  | 'shutting-down'

/** Why a client gets no session on a device. */
export interface SessionRefusal {
  readonly reason: SessionRefusalReason
  readonly message: string
  readonly hint: string
}

export const cancelled: SessionRefusal = {
  reason: 'cancelled',
  message: 'the client went away',
  hint: 'nothing is to be done',
}

export const shuttingDown: SessionRefusal = {
  reason: 'shutting-down',
  message: 'the bridge is stopping',
  hint: 'try again once it runs again',
}

export function unknownDevice(deviceId: string): SessionRefusal {
  return {
    reason: 'unknown-device',
    message: `no device ${JSON.stringify(deviceId)} is known here`,
    hint: 'the login name is user@device-id; check the spelling of the device id',
  }
}

/** What is known of a device that has no link. */
export interface LastKnown {
  readonly detached: { readonly at: Date; readonly end: LinkEnd } | undefined
  readonly refusal: { readonly at: Date; readonly refusal: LinkRefusal } | undefined
  /** When the bridge started, in milliseconds since 1970. */
  readonly startedAt: number
  /** When it was seen before that, where anything is known of it. */
  readonly seen: Date | undefined
}

/** @param now milliseconds since 1970, from which is told how long ago something was */
export function notConnected(deviceId: string, last: LastKnown, now: number): SessionRefusal {
  const since = (at: Date): string => ago(now - at.getTime())
  const before = last.seen === undefined ? '' : `, and was last seen ${since(last.seen)}`
  const seen =
    last.detached === undefined
      ? `it has not called home since the bridge started ${ago(now - last.startedAt)}${before}`
      : `its link ended ${since(last.detached.at)} (${last.detached.end.message})`
  const turnedAway =
    last.refusal === undefined
      ? ''
      : `; a connection that claimed it was refused ${since(last.refusal.at)} (${last.refusal.refusal.reason})`
  return {
    reason: 'not-connected',
    message: `device ${JSON.stringify(deviceId)} is not connected: ${seen}${turnedAway}`,
    hint: 'try again once it has called home',
  }
}

export function linkFull(deviceId: string, maxSessions: number, why: string): SessionRefusal {
  return {
    reason: 'link-full',
    message: `device ${JSON.stringify(deviceId)} has no free session (${maxSessions} at most): ${why}`,
    hint: 'close sessions that are not needed, or raise max-sessions here and on the device',
  }
}

export function queueFull(deviceId: string, maxSessions: number): SessionRefusal {
  return {
    ...linkFull(deviceId, maxSessions, 'and its queue is full'),
    reason: 'session-queue-full',
  }
}

export function refusedByDevice(deviceId: string, request: ChannelRequest, message: string): SessionRefusal {
  return {
    reason: 'refused-by-device',
    message: `device ${JSON.stringify(deviceId)} refused ${inWords(request)}: ${message}`,
    hint: hintFor(request),
  }
}

/** The device's connection can carry no session of this kind. */
export function notCarried(deviceId: string, request: ChannelPurpose, link: Pick<Link, 'capacity'>): SessionRefusal {
  const { subsystems = [] } = link.capacity
  return {
    reason: 'refused-by-device',
    message: `device ${JSON.stringify(deviceId)} calls home by a connection that carries ${subsystems.join(', ')} alone, and not ${inWords(request)}`,
    hint: 'have the device call home over SSH, where it can do so',
  }
}

/** The device has neither opened a channel nor refused one. */
export function channelUnanswered(deviceId: string, request: ChannelRequest, message: string): SessionRefusal {
  return {
    reason: 'channel-unanswered',
    message: `device ${JSON.stringify(deviceId)} was asked for ${inWords(request)}: ${message}`,
    hint: 'look at the load of the device; link.channel-open-timeout bounds this wait',
  }
}

function inWords(request: ChannelPurpose): string {
  if (request.kind === 'subsystem') return `the subsystem ${request.name}`
  return request.kind === 'exec' ? `the command ${describeRequest(request)}` : 'a shell'
}

function hintFor(request: ChannelRequest): string {
  if (request.kind === 'shell') return 'give the account that the bridge logs in with a shell on the device'
  if (request.kind === 'exec') return 'let the account that the bridge logs in with run commands on the device'
  if (request.name === 'sftp') return 'enable SFTP on the device (Junos: `set system services ssh sftp-server`)'
  return 'enable NETCONF over SSH on the device (Junos: `set system services netconf ssh`)'
}
