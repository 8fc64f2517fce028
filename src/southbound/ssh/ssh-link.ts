import type { Socket } from 'node:net'
import type { Client } from 'ssh2'
import type { ChannelOpening, Link, LinkCapacity, LinkEnd } from '../../fleet/link.js'
import { linkEnd } from '../../fleet/refusals/link-ends.js'
import { strangerText } from '../../lib/stranger-text.js'
import type { NegotiatedAlgorithms } from '../../ssh/negotiated-algorithms.js'
import type { Keepalive, KeepaliveTimes, Watched } from '../../ssh/keepalive.js'
import { closeOnceFailed, keyExchangeOf, probe, remoteSoftwareOf } from '../../ssh/ssh2/connections.js'
import type { SessionChannelRequest } from '../../ssh/session-channel.js'
import { nameWork } from '../../ssh/ssh2/flow-control.js'
import { forgetKeyExchange, forgetLogin } from '../../ssh/ssh2/memory.js'
import type { Evidence } from '../../trust/evidence.js'
import type { LoginMethod } from '../../trust/login-method.js'
import type { Verdict } from '../../trust/ssh/judge-host-key.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import type { ChannelLimits } from '../transport.js'
import { createDeviceChannels, type DeviceChannels, someoneWaits } from './device-channels.js'
import type { Trusted } from './handshake-refusal.js'

export interface SshLinkOptions {
  readonly source: string
  /** Judges the device's host key. The link keeps it, to judge the key again when the configuration changes. */
  readonly judge: (key: Buffer) => Verdict
  /** Asks whether the device is there. */
  readonly keepalive: Keepalive
  readonly keepaliveTimes: KeepaliveTimes
  readonly channels: ChannelLimits
  /** Whether all these algorithms may be used with the device now; the link keeps it. */
  readonly mayUse?: (algorithms: readonly string[]) => boolean
  /** Absent where all sessions are the account's that the link is logged in as. */
  readonly usersSessions?: UsersSessions
}

/** Opens sessions of users as themselves, on the device's own SSH server; see `open-as-user.ts`. */
export interface UsersSessions {
  /**
   * Whether that is what is bound to the device now; undefined where the account of the link is no longer, and what is
   * bound instead does not ask for it.
   */
  readonly wanted: (device: Pick<LinkForUsers, 'deviceId' | 'because' | 'account'>) => boolean | undefined
  readonly open: (
    on: LinkForUsers,
    asked: { readonly request: SessionChannelRequest; readonly user: string },
  ) => Promise<ChannelOpening>
}

/** What a session of a user needs of the link to its device. */
export interface LinkForUsers extends Pick<DeviceChannels, 'dial'> {
  readonly deviceId: string
  readonly because: Evidence
  /** The name of the credentials that the link was logged in with. */
  readonly account: string | undefined
  /** The host key that the device has proven on the link. */
  readonly key: Buffer
  readonly source: string
  readonly channels: ChannelLimits
  /** How the link has ended, once it has. */
  readonly over: () => LinkEnd | undefined
}

/** The connection that a device has let the bridge into. */
export interface ProvenConnection {
  readonly socket: Socket
  readonly verdict: Trusted
  readonly key: Buffer
  readonly loggedInBy: readonly LoginMethod[]
  /** The name of the credentials that it was logged in with. */
  readonly account?: string | undefined
  readonly algorithms: NegotiatedAlgorithms | undefined
}

/** The link over a connection on which the login is over. It keeps nothing else of the handshake. */
export function createSshLink(
  client: Client,
  { socket, verdict, key, loggedInBy, account, algorithms }: ProvenConnection,
  { source, judge, channels: channelLimits, keepalive, keepaliveTimes, mayUse, usersSessions }: SshLinkOptions,
): Link {
  const { deviceId, because: provenBy, certificateValidUntil } = verdict
  let end: LinkEnd | undefined
  let over: LinkEnd | undefined
  let lastError: (Error & { level?: string }) | undefined
  client.on('error', (error: Error & { level?: string }) => {
    lastError ??= error
  })
  closeOnceFailed(client)
  nameWork(client, { kind: 'link', source })
  forgetLogin(client)
  forgetKeyExchange(client)
  // ssh2 reports the end of a key exchange before it has finished its own part of it.
  client.on('handshake', () => setImmediate(forgetKeyExchange, client))
  /** One function for each channel. It says whether a client waits for a reply there. */
  const awaited = new Set<() => boolean>()
  /** How much had been read when the device was asked whether it is there, and when that was. */
  let asked = { read: -1, at: 0 }
  const ask = (answered?: () => void): void => {
    if (socket.bytesRead !== asked.read) asked = { read: socket.bytesRead, at: performance.now() }
    probe(client, answered)
  }
  const watched: Watched = {
    socket,
    probe: ask,
    awaitsReply: () => someoneWaits(awaited),
    silent: (silence) => {
      end ??= linkEnd('keepalive-timeout', silence === 'unacknowledged')
      socket.destroy()
    },
  }
  const stopProbes = keepalive.watch(watched, keepaliveTimes)
  const ended = new Promise<LinkEnd>((resolve) => {
    client.once('close', () => {
      stopProbes()
      over = end ?? linkEnd('lost', lastError && strangerText(lastError.message))
      resolve(over)
    })
  })
  const channels = createDeviceChannels(client, channelLimits, { awaited, over: () => over })
  const proven = { deviceId, because: provenBy, account, key, source }
  const forUsers = { ...proven, channels: channelLimits, over: () => over }
  // What the configuration says no longer gives nobody the account of the link.
  const wasPerUser = usersSessions?.wanted(forUsers) === true
  const perUser = (): boolean => usersSessions?.wanted(forUsers) ?? wasPerUser
  return {
    deviceId,
    source,
    hostKeyFingerprint: keyFingerprint(key).fingerprint,
    provenBy,
    ...(certificateValidUntil === undefined ? {} : { certificateValidUntil: certificateValidUntil.toISOString() }),
    loggedInBy,
    account,
    get keyExchange() {
      return keyExchangeOf(client)
    },
    ...(algorithms === undefined ? {} : { algorithms }),
    software: remoteSoftwareOf(client),
    capacity: CAPACITY,
    ended,
    openChannel: (request, user) =>
      user === undefined || request.kind === 'tcp' || usersSessions === undefined || !perUser()
        ? channels.open(request)
        : usersSessions.open({ ...forUsers, dial: channels.dial }, { request, user }),
    perUser,
    lostChannels: channels.lost,
    onChannelLost: channels.onLost,
    mayBeBusy: channels.mayBeBusy,
    probe: () => new Promise(ask),
    unansweredFor: () => (socket.bytesRead === asked.read ? performance.now() - asked.at : undefined),
    stillProven: () => {
      const verdict = judge(key)
      return verdict.trusted && verdict.deviceId === deviceId
    },
    mayStayWeak: () => algorithms === undefined || algorithms.weak.length === 0 || (mayUse?.(algorithms.weak) ?? true),
    end: (reason) => {
      end ??= reason
      // The device at the other end of a half-open connection never answers, so the bridge does not wait for it.
      client.end()
      socket.destroy()
    },
  }
}

/** Over SSH the device alone decides which channels it opens, and how many. */
const CAPACITY: LinkCapacity = {}
