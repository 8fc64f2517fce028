import type { Socket } from 'node:net'
import type { Client } from 'ssh2'
import type { Link, LinkCapacity, LinkEnd } from '../../fleet/link.js'
import { linkEnd } from '../../fleet/refusals/link-ends.js'
import { strangerText } from '../../lib/stranger-text.js'
import type { Keepalive, KeepaliveTimes, Watched } from '../../ssh/keepalive.js'
import { closeOnceFailed, probe, remoteSoftwareOf } from '../../ssh/ssh2/connections.js'
import { nameWork } from '../../ssh/ssh2/flow-control.js'
import { forgetKeyExchange, forgetLogin } from '../../ssh/ssh2/memory.js'
import type { Verdict } from '../../trust/ssh/judge-host-key.js'
import { keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import type { ChannelLimits } from '../transport.js'
import { createDeviceChannels, someoneWaits } from './device-channels.js'
import type { Trusted } from './handshake-refusal.js'

export interface SshLinkOptions {
  readonly source: string
  /** Judges the device's host key. The link keeps it, to judge the key again when the configuration changes. */
  readonly judge: (key: Buffer) => Verdict
  /** Asks whether the device is there. */
  readonly keepalive: Keepalive
  readonly keepaliveTimes: KeepaliveTimes
  readonly channels: ChannelLimits
}

/** The connection that a device has let the bridge into. */
export interface ProvenConnection {
  readonly socket: Socket
  readonly verdict: Trusted
  readonly key: Buffer
}

/** The link over a connection on which the login is over. It keeps nothing else of the handshake. */
export function createSshLink(
  client: Client,
  { socket, verdict: { deviceId }, key }: ProvenConnection,
  { source, judge, channels: channelLimits, keepalive, keepaliveTimes }: SshLinkOptions,
): Link {
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
  const watched: Watched = {
    socket,
    probe: () => probe(client),
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
  return {
    deviceId,
    source,
    hostKeyFingerprint: keyFingerprint(key).fingerprint,
    software: remoteSoftwareOf(client),
    capacity: CAPACITY,
    ended,
    openChannel: channels.open,
    lostChannels: channels.lost,
    onChannelLost: channels.onLost,
    mayBeBusy: channels.mayBeBusy,
    probe: () => new Promise((resolve) => probe(client, resolve)),
    stillProven: () => {
      const verdict = judge(key)
      return verdict.trusted && verdict.deviceId === deviceId
    },
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
