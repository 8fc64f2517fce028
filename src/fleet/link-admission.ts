import { inBackground } from '../lib/background.js'
import type { HeldSession } from './held-session.js'
import type { ChannelOpening, Link } from './link.js'
import type { ChannelRequest } from '../ssh/session-channel.js'
import { mostSessions, type SessionBounds } from './most-sessions.js'
import { createSessionSlots, type SessionSlots } from './session-slots.js'
import { createSpareChannels, type SpareChannels } from './spare-channels.js'

/** What decides who gets on a link now; a reload changes it. */
export interface AdmissionBounds extends SessionBounds {
  readonly spareChannels?: number
}

/** What a link has to do with the clients that wait for a session on any link of its device. */
export interface AdmissionQueue {
  /** Whether somebody waits. */
  readonly awaited: () => boolean
  /** Places may have become free. */
  readonly freed: () => void
}

/** A link in its place, and the session that the bridge holds on it for itself. */
export interface AdmittedLink {
  readonly link: Link
  readonly held: HeldSession | undefined
}

/** What a channel is opened for, and for whom. */
export interface AskedChannel {
  readonly request: ChannelRequest
  readonly user: string
}

/** Who gets on a link: its places, the channels that are ready, and the session that the bridge holds for itself. */
export interface LinkAdmission {
  readonly slots: SessionSlots
  readonly spares: SpareChannels
  /** Applies new bounds. */
  readonly adapt: (bounds: AdmissionBounds) => void
  /**
   * Makes the held session give way where that gives a client a place; whoever waits gets it. Says whether a place
   * comes of that.
   */
  readonly makeRoom: (stallTimeout: number) => boolean
  /** Whether the held session gives way at this moment. */
  readonly makesRoom: () => boolean
  /** Opens a channel in a place that was taken, in that of the held session where the device has no other. */
  readonly open: (asked: AskedChannel, stallTimeout: number) => Promise<ChannelOpening>
  readonly close: () => void
}

export function createLinkAdmission(
  { link, held }: AdmittedLink,
  initial: AdmissionBounds,
  { awaited, freed }: AdmissionQueue,
): LinkAdmission {
  let bounds = initial
  let gaveWay = false
  let giving: Promise<boolean> | undefined

  const limit = (): number => {
    const most = mostSessions(bounds, link)
    return held === undefined || gaveWay ? most : Math.max(most - 1, 1)
  }
  const onIdle = (): void => {
    if (held === undefined || !gaveWay) return
    gaveWay = false
    slots.limit(limit())
    held.comeBack()
  }
  const slots = createSessionSlots(limit(), { freed, idle: onIdle })
  const spares = createSpareChannels({ link, slots, awaited, freed }, sparesOf(link, bounds))

  /** Whether the held session was there to give way. Several clients at once wait for the same end of it. */
  const giveWay = (stallTimeout: number): Promise<boolean> => {
    if (held === undefined) return Promise.resolve(false)
    giving ??= held.giveWay(stallTimeout).finally(() => {
      giving = undefined
      gaveWay = true
      slots.limit(limit())
      if (slots.taken() === 0 && !awaited()) onIdle()
    })
    return giving
  }

  return {
    slots,
    spares,
    adapt: (next) => {
      bounds = next
      slots.limit(limit())
      spares.keep(sparesOf(link, bounds))
    },
    makeRoom: (stallTimeout) => {
      if (held === undefined || gaveWay || mostSessions(bounds, link) < 2) return false
      inBackground('fleet', giveWay(stallTimeout))
      return true
    },
    makesRoom: () => giving !== undefined,
    open: async ({ request, user }, stallTimeout) => {
      const opening = await link.openChannel(request, user)
      if (opening.ok || opening.cause !== 'no-more-sessions') return opening
      return (await giveWay(stallTimeout)) ? link.openChannel(request, user) : opening
    },
    close: () => {
      spares.close()
      slots.close()
    },
  }
}

/**
 * How many spare channels a link keeps: one that can have a single channel leaves that to its client, because it ends
 * with it.
 */
function sparesOf({ capacity, perUser }: Link, { spareChannels = 0 }: AdmissionBounds): number {
  // They would be the bridge's own, and a session is its user's.
  if (perUser?.() === true) return 0
  return Math.min(spareChannels, (capacity.channels ?? Number.POSITIVE_INFINITY) - 1)
}
