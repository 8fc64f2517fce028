import { asFound, type ReasonOf, type Refusal, type RefusalEntries, refusalsBy } from '../../lib/refusal.js'
import { ago } from '../ago.js'
import { describeRequest } from '../describe-request.js'
import type { LinkEnd } from '../link.js'
import type { ChannelPurpose } from '../../ssh/session-channel.js'
import type { LinkRefusal } from './call-home.js'
import { RIGHT_ENDS } from './session-ends.js'

/** Why the fleet gives a client no session on a device. */
export const FLEET_SESSION_REFUSALS = {
  'unknown-device': {
    told: 'peer',
    text: (deviceId: string) => ({
      message: `no device ${JSON.stringify(deviceId)} is known here`,
      hint: 'the login name is user@device-id; check the spelling of the device id',
    }),
  },
  'not-connected': {
    told: 'peer',
    text: (deviceId: string, last: LastKnown, now: number) => ({
      message: `device ${JSON.stringify(deviceId)} is not connected: ${whatIsKnown(last, now)}`,
      hint: 'try again once it has called home',
    }),
  },
  'link-full': { told: 'peer', text: noFreeSession },
  'session-queue-full': {
    told: 'peer',
    text: (deviceId: string, maxSessions: number) => noFreeSession(deviceId, maxSessions, 'and its queue is full'),
  },
  /** The client sees the device's own refusal: ncclient then asks for the Junos command. */
  'refused-by-device': {
    told: 'nobody',
    text: (deviceId: string, request: ChannelPurpose, by: { readonly saying: string } | OtherSubsystems) => {
      const device = `device ${JSON.stringify(deviceId)}`
      return 'saying' in by
        ? { message: `${device} refused ${inWords(request)}: ${by.saying}`, hint: hintFor(request) }
        : {
            message:
              `${device} calls home by a connection that carries ${by.subsystems.join(', ')} alone, and ` +
              `not ${inWords(request)}`,
            hint: 'have the device call home over SSH, where it can do so',
          }
    },
  },
  /** The device has neither opened a channel nor refused one. */
  'channel-unanswered': {
    told: 'peer',
    text: (deviceId: string, request: ChannelPurpose, message: string) => ({
      message: `device ${JSON.stringify(deviceId)} was asked for ${inWords(request)}: ${message}`,
      hint: 'look at the load of the device; link.channel-open-timeout bounds this wait',
    }),
  },
  cancelled: { told: 'nobody', text: { message: 'the client went away', hint: 'nothing is to be done' } },
  'shutting-down': {
    told: 'peer',
    text: { message: 'the bridge is stopping', hint: 'try again once it runs again' },
  },
} as const satisfies RefusalEntries

/** Why a client gets no session, whether the fleet refuses it or was not asked. */
export const SESSION_REFUSALS = {
  ...FLEET_SESSION_REFUSALS,
  // By rights, those that the client had when it logged in among them.
  ...RIGHT_ENDS,
  'channel-not-allowed': { told: 'peer', text: asFound },
  // By what was asked for.
  'no-device': {
    told: 'peer',
    text: {
      message: 'the login name names no device',
      hint:
        'log in as user@device-id, or dial the device’s own port or address, or `ssh -J BRIDGE ' +
        'DEVICE-ID -s netconf`',
    },
  },
  'another-device': {
    told: 'peer',
    text: (here: string, whose: string, asked: string) => ({
      message: `${here} is that of ${whose}, but the login name asks for ${JSON.stringify(asked)}`,
      hint: 'log in with the plain user name here, or as user@device-id where all devices are reached',
    }),
  },
  'unknown-subsystem': {
    told: 'peer',
    text: (asked: string) => ({
      message: `${asked} is not carried to devices`,
      hint: 'those that are: netconf, as in `ssh -s … netconf`, and sftp',
    }),
  },
  /** ssh2 reads a command as UTF-8, so the device would be given another one than was sent. */
  'command-not-utf-8': {
    told: 'peer',
    text: {
      message: 'the command is not UTF-8, and would not reach the device as it was sent',
      hint: 'write it in UTF-8, or use a shell or SFTP',
    },
  },
  // By bounds.
  'too-many-sessions': {
    told: 'nobody',
    text: {
      message: 'too many sessions on this connection',
      hint: 'close some, or raise endpoint.ssh.max-sessions-per-connection',
    },
  },
  'record-not-written': { told: 'peer', text: asFound },
} as const satisfies RefusalEntries

export type FleetSessionRefusalReason = ReasonOf<typeof FLEET_SESSION_REFUSALS>
export type SessionRefusalReason = ReasonOf<typeof SESSION_REFUSALS>

export type FleetSessionRefusal = Refusal<FleetSessionRefusalReason>
export type SessionRefusal = Refusal<SessionRefusalReason>

export const sessionRefusal = refusalsBy(SESSION_REFUSALS)

/** What is known of a device that has no link. */
export interface LastKnown {
  readonly detached: { readonly at: Date; readonly end: LinkEnd } | undefined
  readonly refusal: { readonly at: Date; readonly refusal: LinkRefusal } | undefined
  /** When the bridge started, in milliseconds since 1970. */
  readonly startedAt: number
  /** When it was seen before that, where anything is known of it. */
  readonly seen: Date | undefined
}

/** What the connection of a device carries instead. */
interface OtherSubsystems {
  readonly subsystems: readonly string[]
}

/** @param now milliseconds since 1970, from which is told how long ago something was */
function whatIsKnown({ detached, refusal, startedAt, seen }: LastKnown, now: number): string {
  const since = (at: Date): string => ago(now - at.getTime())
  const before = seen === undefined ? '' : `, and was last seen ${since(seen)}`
  const called =
    detached === undefined
      ? `it has not called home since the bridge started ${ago(now - startedAt)}${before}`
      : `its link ended ${since(detached.at)} (${detached.end.message})`
  if (refusal === undefined) return called
  return `${called}; a connection that claimed it was refused ${since(refusal.at)} (${refusal.refusal.reason})`
}

function noFreeSession(deviceId: string, maxSessions: number, why: string) {
  return {
    message: `device ${JSON.stringify(deviceId)} has no free session (${maxSessions} at most): ${why}`,
    hint: 'close sessions that are not needed, or raise max-sessions here and on the device',
  }
}

function inWords(request: ChannelPurpose): string {
  if (request.kind === 'subsystem') return `the subsystem ${request.name}`
  return request.kind === 'exec' ? `the command ${describeRequest(request)}` : 'a shell'
}

function hintFor(request: ChannelPurpose): string {
  if (request.kind === 'shell') return 'give the account that the bridge logs in with a shell on the device'
  if (request.kind === 'exec') return 'let the account that the bridge logs in with run commands on the device'
  if (request.name === 'sftp') return 'enable SFTP on the device (Junos: `set system services ssh sftp-server`)'
  return 'enable NETCONF over SSH on the device (Junos: `set system services netconf ssh`)'
}
