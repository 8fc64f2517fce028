import type { Socket } from 'node:net'
import type { Client, ClientChannel } from 'ssh2'
import type { ChannelLoss, ChannelOpening, DeviceChannel, Link } from '../../fleet/link.js'
import { type LinkOfChannels, sshDeviceChannel } from '../../relay/ssh-device-channel.js'
import type { ChannelRequest, PortPurpose, SessionChannelRequest } from '../../ssh/session-channel.js'
import { socketOverChannel } from '../../ssh/ssh2/channel-socket.js'
import { governFlow } from '../../ssh/ssh2/flow-control.js'
import { peerHasClosed, peerHasEnded } from '../../ssh/ssh2/channels.js'
import { probe, socketOf } from '../../ssh/ssh2/connections.js'
import { openPortChannel, type PortOfDevice, type PortRefusal } from '../../ssh/ssh2/open-port.js'
import { openSessionChannel } from '../../ssh/ssh2/open-session.js'
import type { ChannelLimits } from '../transport.js'

/** The channels of one link. */
export interface DeviceChannels {
  readonly open: (request: ChannelRequest) => Promise<ChannelOpening>
  /** A port of the device's own, as a socket. */
  readonly dial: (port: number) => Promise<Dialled>
  readonly lost: Link['lostChannels']
  readonly onLost: Link['onChannelLost']
  /** See `Link.mayBeBusy`. */
  readonly mayBeBusy: () => boolean
}

/** A connection to a port of the device's own, or why there is none. */
export type Dialled = { readonly ok: true; readonly socket: Socket } | Extract<ChannelOpening, { readonly ok: false }>

/**
 * How many times `channelCloseTimeout` a device may take to answer a close and a probe, while it keeps sending other
 * data.
 */
const MOST_ROUNDS = 10

/** Whether a session of the link waits for its reply. */
export function someoneWaits(awaited: LinkOfChannels['awaited']): boolean {
  return [...awaited].some((waits) => waits())
}

export function createDeviceChannels(
  client: Client,
  { channelOpenTimeout, channelCloseTimeout }: ChannelLimits,
  linkOf: LinkOfChannels,
): DeviceChannels {
  let lost = 0
  let tell: ((loss: ChannelLoss) => void) | undefined
  let wasSilent = false
  const lose = (loss: ChannelLoss, silent: boolean): void => {
    lost += 1
    wasSilent = silent
    tell?.(loss)
  }
  /** The device answered after all, and its session is free again. */
  const regain = (): void => {
    lost -= 1
  }

  /**
   * Calls `gaveUp` when the device does not close a channel that the bridge has closed. The device's close may be on
   * its way behind other data. So the bridge sends a probe, which the device answers after the close. The wait is over
   * when that answer comes without a close before it, or when nothing comes from the device at all.
   */
  const watchClose = (channel: ClientChannel, gaveUp: () => void): void => {
    const socket = socketOf(client)
    let rounds = 0
    let heard = socket.bytesRead
    let timer: NodeJS.Timeout | undefined
    let over = false
    let silent = false
    const finish = (): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      if (peerHasClosed(channel) || linkOf.over() !== undefined || socket.destroyed) return
      lose('close', silent)
      channel.once('close', regain)
      gaveUp()
    }
    const look = (): void => {
      rounds += 1
      silent = socket.bytesRead === heard
      heard = socket.bytesRead
      if (rounds === 1) probe(client, finish)
      else if (silent || rounds > MOST_ROUNDS) return finish()
      timer = setTimeout(look, channelCloseTimeout)
      timer.unref()
    }
    timer = setTimeout(look, channelCloseTimeout)
    timer.unref()
    channel.once('close', finish)
  }

  const openSession = (request: SessionChannelRequest): Promise<ChannelOpening> =>
    new Promise((resolve) => {
      let answered = false
      const heard = socketOf(client).bytesRead
      const timer = setTimeout(() => {
        giveUp(regain)
        lose('open', socketOf(client).bytesRead === heard)
        const message = `it did not answer for ${channelOpenTimeout / 1000} s`
        resolve({ ok: false, cause: 'unanswered', message })
      }, channelOpenTimeout)
      const giveUp = openSessionChannel(client, request, (refusal, opened) => {
        answered = true
        clearTimeout(timer)
        if (opened !== undefined) return resolve({ ok: true, channel: sshDeviceChannel(opened, linkOf, watchClose) })
        // The end of a link answers every pending request as if the device had refused it.
        if (linkOf.over() !== undefined) return resolve({ ok: false, cause: 'link-closed', message: 'the link ended' })
        if (refusal?.step === 'request') watchClose(refusal.channel, () => undefined)
        const cause = refusal?.step === 'request' ? 'request' : 'no-more-sessions'
        resolve({ ok: false, cause, message: refusal?.message ?? 'the device refused' })
      })
      if (answered) clearTimeout(timer)
    })

  return {
    open: (request) =>
      request.kind === 'tcp' ? openPort(client, request, { channelOpenTimeout, linkOf }) : openSession(request),
    dial: async (port) => {
      const opening = await openPort(client, { kind: 'tcp', port }, { channelOpenTimeout, linkOf })
      if (!opening.ok) return { ...opening, port }
      return { ok: true, socket: socketOverChannel(opening.channel.stream as ClientChannel, socketOf(client)) }
    },
    lost: () => lost,
    onLost: (listener) => {
      tell = listener
    },
    mayBeBusy: () => wasSilent && someoneWaits(linkOf.awaited),
  }
}

/** Where a device's own services listen: on its loopback of the one family or of the other. */
const LOOPBACKS = ['127.0.0.1', '::1'] as const

interface PortTerms {
  readonly channelOpenTimeout: number
  readonly linkOf: LinkOfChannels
}

/** Has the device connect a channel to a port of its own; on the second address where nothing is at the first. */
async function openPort(client: Client, { port }: PortPurpose, terms: PortTerms): Promise<ChannelOpening> {
  let opening: ChannelOpening = { ok: false, cause: 'link-closed', message: 'the link ended' }
  for (const host of LOOPBACKS) {
    opening = await connectPort(client, { host, port }, terms)
    if (opening.ok || opening.cause !== 'connect-failed') return opening
  }
  return opening
}

/**
 * A device that does not answer loses none of its sessions by that: such channels take none. So it counts for nothing
 * but the place of whoever asked, who gets that back when the device has answered after all.
 */
function connectPort(
  client: Client,
  to: PortOfDevice,
  { channelOpenTimeout, linkOf }: PortTerms,
): Promise<ChannelOpening> {
  return new Promise((resolve) => {
    let giveUp: ReturnType<typeof openPortChannel> = () => undefined
    const timer = setTimeout(() => {
      const message = `it did not answer for ${channelOpenTimeout / 1000} s`
      resolve({ ok: false, cause: 'unanswered', message, answered: new Promise<void>((over) => giveUp(over)) })
    }, channelOpenTimeout)
    const answer = (refusal: PortRefusal | undefined, channel: ClientChannel | undefined): void => {
      clearTimeout(timer)
      if (channel !== undefined) return resolve({ ok: true, channel: portChannel(channel, linkOf) })
      // The end of a link answers every pending request as if the device had refused it.
      if (linkOf.over() !== undefined) return resolve({ ok: false, cause: 'link-closed', message: 'the link ended' })
      resolve({ ok: false, cause: refusal?.cause ?? 'connect-failed', message: refusal?.message ?? 'no reason' })
    }
    giveUp = openPortChannel(client, to, answer)
  })
}

/** A channel to a port, which has neither standard error nor exit, and ends when the device has closed it. */
function portChannel(channel: ClientChannel, { over }: LinkOfChannels): DeviceChannel {
  governFlow(channel)
  channel.stderr.resume()
  const nothing = (): void => undefined
  return {
    stream: channel,
    standardError: channel.stderr,
    closed: new Promise((resolve) => channel.once('close', () => resolve({}))),
    ended: () => peerHasEnded(channel),
    terminalRefused: false,
    resize: nothing,
    signal: nothing,
    sendBreak: nothing,
    linkEnd: over,
    close: () => channel.close(),
  }
}
