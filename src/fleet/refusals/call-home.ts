import {
  asFound,
  type ReasonOf,
  type Refusal,
  type RefusalEntries,
  type RefusalEntry,
  refusalsBy,
} from '../../lib/refusal.js'
import type { Offence } from '../../net/penalties.js'
import { HOST_KEY_REFUSALS } from '../../trust/ssh/host-key-refusals.js'
import { proxyHeaderRefusals, unexpectedProxyHeader } from './proxy-header.js'

interface CallHomeEntry extends RefusalEntry {
  /**
   * What the source is penalised for. A device that nobody approved or whose key changed calls on and on, and does
   * nothing wrong.
   */
  readonly offence?: Offence
  /**
   * The reason tells of the bridge and its many callers, not of the device. Calls are refused for it by the thousand,
   * so a line of the log and a write to the store for each would cost more than the refusal.
   */
  readonly overload?: true
}

const DIALS_AGAIN = 'a device dials again by itself; raise call-home.max-queued-handshakes if this lasts'

const ONLY_DEVICES = 'only devices that call home by SSH may dial this port; see what else was sent here'

/** What to do where a connection was closed before its handshake, by when that was. */
const AFTER_CLOSING_EARLY = {
  'after sending what no device sends': ONLY_DEVICES,
  'before its SSH identification':
    'a device gave up, or its connection broke: look at its log, and between it and here',
  'while it waited for its handshake': 'the device dials again by itself; see homeport_handshakes for how many wait',
} as const

/** What came from somebody whose SSH identification did not. */
export type SentBefore = 'nothing' | 'the beginning of an initiation' | 'what no device sends'

export const IDENTITY_CONTESTED_HINT =
  'two devices have this id and key (a cloned image, a spare), or one calls this bridge more often than it may (two ' +
  'outbound-ssh clients): give each its own id and key, or allow one device several links by max-connections'

/**
 * Why a call-home connection does not become a link, with all that a host key is refused for. No device is told, but
 * who dialled the wrong port.
 */
export const CALL_HOME_REFUSALS = {
  ...HOST_KEY_REFUSALS,
  ...proxyHeaderRefusals('call-home.ssh'),

  // Before anything is read.
  penalised: {
    told: 'nobody',
    overload: true,
    text: (secondsLeft: number) => ({
      message: `calls from there are refused for ${secondsLeft} s more`,
      hint:
        'garbage came from there, or nothing, again and again; if devices share the address, name it in ' +
        'sources.penalties.exempt',
    }),
  },
  'too-many-handshakes': {
    told: 'nobody',
    overload: true,
    text: { message: 'too many call-home connections wait for their handshake already', hint: DIALS_AGAIN },
  },
  'too-many-from-source': {
    told: 'nobody',
    overload: true,
    text: {
      message: 'this source has more than its share of the call-home connections that wait for their handshake',
      hint: DIALS_AGAIN,
    },
  },

  // Up to the SSH identification.
  'not-ssh': {
    told: 'nobody',
    offence: 'garbage',
    text: (what: 'a TLS ClientHello' | 'an HTTP request') => ({
      message: `sent ${what}`,
      hint:
        what === 'a TLS ClientHello'
          ? 'this port takes call home over SSH only; the HTTP API has another one, endpoint.http.port'
          : 'this port takes call home over SSH only; whoever sent it is scanning, or has the wrong port',
    }),
  },
  'proxy-header-unexpected': {
    told: 'nobody',
    offence: 'garbage',
    text: unexpectedProxyHeader('call-home.ssh'),
  },
  'initiation-malformed': { told: 'nobody', offence: 'garbage', text: asFound },
  'initiation-too-long': {
    told: 'nobody',
    offence: 'garbage',
    text: (bytes: number) => ({
      message: `sent ${bytes} octets without an SSH identification`,
      hint: ONLY_DEVICES,
    }),
  },
  'initiation-timeout': {
    told: 'nobody',
    offence: 'timeout',
    text: (sent: SentBefore, milliseconds: number) => ({
      message: `sent ${sent === 'nothing' ? 'nothing' : 'no SSH identification'} for ${milliseconds / 1000} s`,
      hint:
        sent === 'what no device sends'
          ? ONLY_DEVICES
          : 'look whether something between the device and the bridge holds back data; ' +
            'call-home.initiation-timeout bounds this wait',
    }),
  },
  'sent-nothing': {
    told: 'nobody',
    overload: true,
    text: {
      message: 'closed without sending anything',
      hint: 'a port check or a scan looks like this; if it was a device, look at its log',
    },
  },
  'closed-early': {
    told: 'nobody',
    overload: true,
    text: (when: keyof typeof AFTER_CLOSING_EARLY) => ({ message: `closed ${when}`, hint: AFTER_CLOSING_EARLY[when] }),
  },

  // While it waits for its handshake.
  'gave-way': {
    told: 'nobody',
    overload: true,
    text: { message: 'sent nothing while others had no room', hint: DIALS_AGAIN },
  },
  'queue-timeout': {
    told: 'nobody',
    overload: true,
    text: (seconds: number) => ({
      message: `waited ${Math.round(seconds)} s for its handshake`,
      hint:
        'the device dials again by itself; if this lasts, see homeport_handshakes, or raise ' +
        'call-home.queue-timeout',
    }),
  },

  // In key exchange and login.
  'unsupported-host-key': {
    told: 'nobody',
    text: (announcedType: string | undefined) => ({
      message: `announced a host key of type ${announcedType ?? 'unknown'}, which is not accepted`,
      hint: 'give the device an Ed25519, ECDSA or RSA host key',
    }),
  },
  'ssh-client': {
    told: 'peer',
    offence: 'unfinished',
    text: {
      message: 'an SSH client on the call-home port: it began key exchange as only a client does',
      toPeer: 'devices call home on this port; NETCONF clients dial another one, 830 where nothing else is configured',
      hint: 'devices dial this port; clients dial the port of endpoint.ssh, 830 where nothing else is configured',
    },
  },
  'handshake-failed': {
    told: 'nobody',
    offence: 'unfinished',
    text: (cause: string) => ({
      message: `key exchange failed: ${cause}`,
      hint:
        'if it offers only old algorithms or another type of host key than was announced or pinned, its ' +
        'SSH configuration must change',
    }),
  },
  'no-common-algorithm': { told: 'nobody', offence: 'unfinished', text: asFound },
  'handshake-timeout': {
    told: 'nobody',
    offence: 'timeout',
    text: (step: 'key exchange' | 'login', milliseconds: number) => ({
      message: `did not finish ${step} within ${milliseconds / 1000} s`,
      hint:
        'look at the load of the device and at what is between it and the bridge; ' +
        'call-home.handshake-timeout bounds this wait',
    }),
  },
  'bad-host-key-signature': {
    told: 'nobody',
    offence: 'garbage',
    text: (cause: string) => ({
      message: `does not hold the host key that it presented: ${cause}`,
      hint:
        'somebody presents a public key that is not theirs; if the device itself is refused again and ' +
        'again, its host key files do not belong together: make new ones',
    }),
  },
  'another-key-pending': {
    told: 'nobody',
    text: (pending: Refusal) => ({
      message: `${pending.message}; another host key waits for approval under this device id`,
      hint: `the key that waits is refused once this one is approved: ${pending.hint}`,
    }),
  },
  'too-many-pending': {
    told: 'nobody',
    text: (pending: Refusal) => ({
      message: `${pending.message}; as many device ids as may are pending already`,
      hint:
        'decide on those that are pending ' +
        '(homeport devices list), or raise trust.max-pending or trust.max-pending-per-source',
    }),
  },
  'login-failed': {
    told: 'nobody',
    text: (cause: string, course: string | undefined, hint: string | undefined) => ({
      message:
        'proved its identity, but the bridge could not log in: ' +
        `${cause}${course === undefined ? '' : ` (${course})`}`,
      hint: hint ?? 'compare the credentials configured for it with the user account on the device',
    }),
  },
  'no-longer-proven': {
    told: 'nobody',
    text: (deviceId: string) => ({
      message:
        'was proven when its login began, but nothing vouches any more for the host key being that of ' +
        JSON.stringify(deviceId),
      hint:
        'what bound the key to it was taken away meanwhile; if that was a mistake, put it back, and the ' +
        'device attaches when it dials again',
    }),
  },

  // When it is proven, and another link of the same identity is there.
  'identity-contested': {
    told: 'nobody',
    text: (deviceId: string, livingSource: string) => ({
      message:
        `proved to be ${JSON.stringify(deviceId)}, whose link from ${livingSource} is alive: they ` +
        'replaced each other again and again',
      hint: IDENTITY_CONTESTED_HINT,
    }),
  },
} as const satisfies RefusalEntries & { readonly [reason: string]: CallHomeEntry }

export type CallHomeRefusalReason = ReasonOf<typeof CALL_HOME_REFUSALS>

/** Why a call-home connection is refused, as its transport finds out. */
export interface CallHomeRefusal extends Refusal<CallHomeRefusalReason> {
  /** The device id that was claimed, where one was. */
  readonly deviceId?: string
}

/** Why a call-home connection did not become a link, and where it came from. */
export interface LinkRefusal extends CallHomeRefusal {
  /** `address:port` that it dialled from. */
  readonly source: string
}

export const callHomeRefusal = refusalsBy(CALL_HOME_REFUSALS)

/** What the source of a refused call is penalised for; undefined where it did nothing wrong. */
export function offenceOf(reason: CallHomeRefusalReason): Offence | undefined {
  return (CALL_HOME_REFUSALS[reason] as CallHomeEntry).offence
}

/** Whether a call was refused because of all the others that came with it. */
export function isOverloadRefusal({ reason }: Pick<CallHomeRefusal, 'reason'>): boolean {
  return (CALL_HOME_REFUSALS[reason] as CallHomeEntry).overload === true
}
