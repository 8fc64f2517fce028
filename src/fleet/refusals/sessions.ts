import { counted } from '../../lib/counted.js'
import { homeportCommand } from '../../lib/shell-word.js'
import { asFound, type ReasonOf, type Refusal, type RefusalEntries, refusalsBy } from '../../lib/refusal.js'
import { strangerText } from '../../lib/stranger-text.js'
import { ago } from '../ago.js'
import { describeRequest } from '../describe-request.js'
import type { LinkEnd } from '../link.js'
import type { SessionLimit } from '../most-sessions.js'
import type { ChannelPurpose } from '../../ssh/session-channel.js'
import type { LinkRefusal } from './call-home.js'
import { RIGHT_ENDS } from './session-ends.js'

/** The words on a device that clients cannot reach because of what was, or was not, decided on it. */
export function undecided(
  deviceId: string,
  standing: string,
): { readonly message: string; readonly hint: string } | undefined {
  const device = `device ${JSON.stringify(deviceId)}`
  if (standing === 'pending')
    return {
      message: `${device} waits for approval`,
      hint: `whoever runs the bridge compares its key and lets it in: ${homeportCommand('devices approve', deviceId)}`,
    }
  if (standing === 'rejected')
    return {
      message: `${device} was rejected by an operator`,
      hint: `if that was a mistake: ${homeportCommand('devices forget', deviceId)}, and approve it when it calls again`,
    }
  return undefined
}

/** Whether the device let nobody of the user's name in, or was not asked, since nobody of that name is. */
interface AccountRefused {
  readonly cause: 'account' | 'account-name'
  readonly message: string
}

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
  // Of a device that is, or was, at another node of the cluster.
  'node-unreachable': {
    told: 'peer',
    text: (deviceId: string, node: string) => ({
      message: `device ${JSON.stringify(deviceId)} is at node ${node}, which cannot be reached from here`,
      hint: 'see whether that node runs, and what is between the nodes; if it is gone, its devices call another one',
    }),
  },
  'refused-at-node': {
    told: 'peer',
    text: (node: string, { message, hint }: { readonly message: string; readonly hint: string }) => ({
      message: `node ${node}: ${message}`,
      hint,
    }),
  },
  'link-full': { told: 'peer', text: noFreeSession },
  'session-queue-full': {
    told: 'peer',
    text: (deviceId: string, full: FullLinks, maxQueued: number) => {
      const { message, hint } = noFreeSession(deviceId, full)
      return {
        message: `${message}, and as many clients wait for one as may (${maxQueued})`,
        hint: `${hint}; more may wait by link.max-queued-sessions`,
      }
    },
  },
  /** The client's role names an account that none of the device's links has logged in to. */
  'no-link-with-account': {
    told: 'peer',
    text: (deviceId: string, account: string, { there, listed }: OtherAccounts) => ({
      message:
        `device ${JSON.stringify(deviceId)} has no link on the account ${JSON.stringify(account)}, which your role ` +
        `names; it has ${there.length === 0 ? 'links that tell no account' : `links on ${quoted(there)}`}`,
      hint: listed
        ? 'try again once it has called home by another connection: max-connections has to allow as many as there ' +
          'are `credentials` of the device'
        : `ask whoever runs the bridge to list ${JSON.stringify(account)} in \`credentials\` of the device`,
    }),
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
  // Of connections to ports of the device's own.
  'too-many-forwards': {
    told: 'peer',
    text: (deviceId: string, most: number) => ({
      message: `as many connections to own ports of device ${JSON.stringify(deviceId)} are open as may be: ${most}`,
      hint: `close some, or end others': ${homeportCommand('sessions list')}; or raise link.max-forwards`,
    }),
  },
  'too-many-forwards-of-user': {
    told: 'peer',
    text: (deviceId: string, held: number) => ({
      message:
        `this user has ${counted(held, 'connection')} to own ports of device ${JSON.stringify(deviceId)}, ` +
        'and one may have no more',
      hint: 'close some, or raise link.max-forwards-per-user, or link.max-forwards where others have the rest',
    }),
  },
  'forwarding-refused': {
    told: 'peer',
    text: (deviceId: string, port: number, saying: string) => ({
      message: `device ${JSON.stringify(deviceId)} forbids connections through its link to its port ${port}: ${saying}`,
      hint:
        'allow it on the device. Junos: `set system services ssh allow-tcp-forwarding`, off by default since 22.2R1. ' +
        'OpenSSH: AllowTcpForwarding and PermitOpen of its sshd_config, and permit-port-forwarding for the key or ' +
        'certificate that the bridge logs in with',
    }),
  },
  'forwarding-unknown': {
    told: 'peer',
    text: (deviceId: string, saying: string) => ({
      message: `the SSH server of device ${JSON.stringify(deviceId)} forwards no connections at all: ${saying}`,
      hint: 'nothing is to be done where its software cannot (libnetconf2, netconfd); reach it by user@device-id',
    }),
  },
  'port-closed': {
    told: 'peer',
    text: (deviceId: string, port: number, saying: string) => ({
      message: `device ${JSON.stringify(deviceId)} could not connect to its own port ${port}: ${saying}`,
      hint: 'see whether a service listens there on the device, on 127.0.0.1 or ::1',
    }),
  },
  // Of sessions that are opened as their users.
  'account-refused': {
    told: 'peer',
    text: (deviceId: string, user: string, { cause, message }: AccountRefused) => ({
      message:
        `device ${JSON.stringify(deviceId)} has no session for ${JSON.stringify(user)} as themselves: ` + message,
      hint:
        cause === 'account'
          ? 'the device needs an account of that name and has to trust the user CA of its `credentials` ' +
            `(${homeportCommand('ca show')}); its own log says more`
          : 'the device was not asked: log in to the bridge as a user whose name is that of a person’s account there',
    }),
  },
  'own-ssh-not-proven': {
    told: 'peer',
    text: (deviceId: string, port: number, saying: string) => ({
      message: `what answered at port ${port} of device ${JSON.stringify(deviceId)} is not proven to be it: ${saying}`,
      hint:
        'its own SSH server has to show the host key that the device calls home with; ' +
        'where it listens elsewhere, set per-user-port of its `credentials`',
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
  'port-not-allowed': {
    told: 'peer',
    text: (port: number, { user, deviceId, roles, ports }: WhosePorts) => ({
      message:
        `user ${JSON.stringify(user)} may not reach port ${port} of device ${JSON.stringify(deviceId)} itself: ` +
        `the ports of role ${roles.join(', ')} are ${ports.length === 0 ? 'none' : ports.join(', ')}`,
      hint: 'it takes a role with the port in `forwards`, or for 22 and 830 with `ssh` among its `channels`',
    }),
  },
  /** What passes is between the client and the device: no rule could be held against it. */
  'port-under-rules': {
    told: 'peer',
    text: (user: string, deviceId: string) => ({
      message:
        `user ${JSON.stringify(user)} is under rules on operations on device ${JSON.stringify(deviceId)}, ` +
        'and so reaches none of its own ports: nothing that passes there can be held to a rule',
      hint: 'it takes a role for the device with netconf among its channels and operations: ["*"], none of them denied',
    }),
  },
  'ambiguous-account': {
    told: 'peer',
    text: (user: string, deviceId: string, roles: string) => ({
      message:
        `roles of user ${JSON.stringify(user)} name different accounts ` +
        `on device ${JSON.stringify(deviceId)}: ${roles}`,
      hint: 'ask whoever runs the bridge to give the user one of these roles there, or a user for each',
    }),
  },
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

/** Who wanted a port of a device's own, and which ones the roles allow. */
interface WhosePorts {
  readonly user: string
  readonly deviceId: string
  readonly roles: readonly string[]
  readonly ports: readonly number[]
}

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

/** The accounts that links of the device have, and whether its entry lists the wanted one. */
interface OtherAccounts {
  readonly there: readonly string[]
  readonly listed: boolean
}

const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ')

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

/** How many links a device has, all of which are full, and what limits each of them. */
interface FullLinks {
  readonly limit: SessionLimit
  readonly links: number
}

function noFreeSession(deviceId: string, { limit, links }: FullLinks) {
  const { why, raise } = inWordsOfLimit(limit)
  const where = links > 1 ? ` on any of its ${links} links; of each` : ''
  return {
    message: `device ${JSON.stringify(deviceId)} has no free session${where}: ${why}`,
    hint: `close sessions that are not needed, or ${raise}`,
  }
}

/** Where sshd and Junos have the limit. */
const ON_THE_DEVICE = 'MaxSessions of its sshd, max-sessions-per-connection on Junos'

function inWordsOfLimit(limit: SessionLimit): { readonly why: string; readonly raise: string } {
  if (limit.whose === 'device')
    return {
      why: `the device opens no further channel beside the ${limit.open} that the bridge has on it (${limit.saying})`,
      raise: `raise the limit on the device: ${ON_THE_DEVICE}; no key of the bridge changes that`,
    }
  if (limit.whose === 'software')
    return {
      why:
        `the bridge opens one at a time on it, because its software (${strangerText(limit.software, 100)}) ` +
        'mixes up answers when several are busy',
      raise:
        'allow it more by devices[].max-sessions of the bridge, or have it call home by several connections ' +
        '(link.max-connections)',
    }
  if (limit.whose === 'connection')
    return {
      why: `its connection carries ${limit.most} at a time, and all are in use`,
      raise: 'have the device call home by several connections (link.max-connections), or in a form that carries more',
    }
  return {
    why: `the bridge opens ${limit.most} at a time on it, and all are in use`,
    raise: `raise ${limit.key} of the bridge, as far as the device allows more (${ON_THE_DEVICE})`,
  }
}

function inWords(request: ChannelPurpose): string {
  if (request.kind === 'subsystem') return `the subsystem ${request.name}`
  if (request.kind === 'tcp') return `a connection to its own port ${request.port}`
  return request.kind === 'exec' ? `the command ${describeRequest(request)}` : 'a shell'
}

function hintFor(request: ChannelPurpose): string {
  if (request.kind === 'shell') return 'give the account that the bridge logs in with a shell on the device'
  if (request.kind === 'tcp') return 'let its SSH server forward connections to its own ports'
  if (request.kind === 'exec') return 'let the account that the bridge logs in with run commands on the device'
  if (request.name === 'sftp') return 'enable SFTP on the device (Junos: `set system services ssh sftp-server`)'
  return 'enable NETCONF over SSH on the device (Junos: `set system services netconf ssh`)'
}
