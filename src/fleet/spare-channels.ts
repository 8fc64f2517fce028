import { inBackground } from '../lib/background.js'
import { letGoOfChannel } from './let-go-of-channel.js'
import type { DeviceChannel, Link } from './link.js'
import type { ChannelRequest } from '../ssh/session-channel.js'
import type { Release, SessionSlots } from './session-slots.js'

/** A session's channel that was opened before anybody asked for it, and its place among the sessions of the link. */
export interface SpareChannel {
  readonly channel: DeviceChannel
  readonly release: Release
}

/**
 * The spare channels of one link: the device's `<hello>` has come already, so a client does not wait for the way to the
 * device and back.
 */
export interface SpareChannels {
  /** One for this request, where one is ready and the device still holds its end. */
  readonly take: (request: ChannelRequest) => SpareChannel | undefined
  /** How many are ready. */
  readonly ready: () => number
  /** Gives one up, so that its place is free for another request; false when there is none. */
  readonly giveUp: () => boolean
  /** Opens what is missing, as far as the link has places that nobody waits for. */
  readonly fill: () => void
  /** How many are to be ready from now on. */
  readonly keep: (count: number) => void
  readonly close: () => void
}

/** What a spare channel is opened for: what nearly every client asks for. */
const spareRequest = { kind: 'subsystem', name: 'netconf' } as const

/** Milliseconds until a device that would not open a spare channel is asked again. */
const RETRY_DELAY = 30_000

/** The link of spare channels, and who waits for its places. */
export interface SpareChannelsOptions {
  readonly link: Pick<Link, 'openChannel'>
  readonly slots: SessionSlots
  /** Whether a client waits for a session of the device. */
  readonly awaited: () => boolean
  /** A spare channel is ready. */
  readonly freed: () => void
}

/** Keeps so many channels ready on a link. They count as its sessions while they wait. */
export function createSpareChannels(
  { link, slots, awaited, freed }: SpareChannelsOptions,
  initial: number,
): SpareChannels {
  let count = initial
  let opening = 0
  let retry: NodeJS.Timeout | undefined
  let closed = false
  const ready: SpareChannel[] = []

  const drop = ({ channel, release }: SpareChannel): void => {
    letGoOfChannel(channel)
    release()
  }

  const openOne = async (): Promise<void> => {
    const release = awaited() ? undefined : slots.take()
    if (release === undefined) return
    opening += 1
    const opened = await link.openChannel(spareRequest)
    opening -= 1
    if (!opened.ok) {
      release()
      if (opened.cause !== 'link-closed' && !closed) retry ??= setTimeout(tryAgain, RETRY_DELAY).unref()
      return
    }
    const spare = { channel: opened.channel, release }
    // A device that hangs up on a session that nobody uses would do so again at once: `fill` comes with the next
    // client.
    if (closed || ready.length >= count) return drop(spare)
    ready.push(spare)
    freed()
  }
  const tryAgain = (): void => {
    retry = undefined
    fill()
  }
  const fill = (): void => {
    if (closed || retry !== undefined) return
    for (let missing = count - ready.length - opening; missing > 0; missing -= 1) inBackground('fleet', openOne())
  }

  return {
    take: (request) => {
      if (request.kind !== 'subsystem' || request.name !== spareRequest.name || request.terminal !== undefined)
        return undefined
      for (let spare = ready.shift(); spare !== undefined; spare = ready.shift()) {
        if (!spare.channel.ended()) return spare
        drop(spare)
      }
      return undefined
    },
    ready: () => ready.length,
    giveUp: () => {
      const spare = ready.pop()
      if (spare !== undefined) drop(spare)
      return spare !== undefined
    },
    fill,
    keep: (next) => {
      count = next
      for (const spare of ready.splice(count)) drop(spare)
      fill()
    },
    close: () => {
      closed = true
      clearTimeout(retry)
      for (const spare of ready.splice(0)) drop(spare)
    },
  }
}
