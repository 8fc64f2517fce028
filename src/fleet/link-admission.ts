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
  readonly maxQueuedSessions: number
}

/** Who gets on a link: its places, the channels that are ready, and the session that the bridge holds for itself. */
export interface LinkAdmission {
  readonly slots: SessionSlots
  readonly spares: SpareChannels
  /** Applies new bounds. */
  readonly adapt: (bounds: AdmissionBounds) => void
  /** Makes the held session give way where that gives a client a place; the client that waits gets it. */
  readonly makeRoom: (stallTimeout: number) => void
  /** Opens a channel in a place that was taken, in that of the held session where the device has no other. */
  readonly open: (request: ChannelRequest, stallTimeout: number) => Promise<ChannelOpening>
  readonly close: () => void
}

export function createLinkAdmission(
  link: Link,
  held: HeldSession | undefined,
  initial: AdmissionBounds,
): LinkAdmission {
  let bounds = initial
  let gaveWay = false
  let giving: Promise<boolean> | undefined

  const limits = () => {
    const most = mostSessions(bounds, link)
    return {
      maxSessions: held === undefined || gaveWay ? most : Math.max(most - 1, 1),
      maxQueued: bounds.maxQueuedSessions,
    }
  }
  const onIdle = (): void => {
    if (held === undefined || !gaveWay) return
    gaveWay = false
    slots.limit(limits())
    held.comeBack()
  }
  const slots = createSessionSlots(limits(), onIdle)
  const spares = createSpareChannels(link, slots, sparesOf(link, bounds))

  /** Whether the held session was there to give way. Several clients at once wait for the same end of it. */
  const giveWay = (stallTimeout: number): Promise<boolean> => {
    if (held === undefined) return Promise.resolve(false)
    giving ??= held.giveWay(stallTimeout).finally(() => {
      giving = undefined
      gaveWay = true
      slots.limit(limits())
      if (slots.taken() === 0 && slots.queued() === 0) onIdle()
    })
    return giving
  }

  return {
    slots,
    spares,
    adapt: (next) => {
      bounds = next
      slots.limit(limits())
      spares.keep(sparesOf(link, bounds))
    },
    makeRoom: (stallTimeout) => {
      if (gaveWay || mostSessions(bounds, link) < 2) return
      inBackground('fleet', giveWay(stallTimeout))
    },
    open: async (request, stallTimeout) => {
      const opening = await link.openChannel(request)
      if (opening.ok || opening.cause !== 'no-more-sessions') return opening
      return (await giveWay(stallTimeout)) ? link.openChannel(request) : opening
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
function sparesOf({ capacity }: Link, { spareChannels = 0 }: AdmissionBounds): number {
  return Math.min(spareChannels, (capacity.channels ?? Number.POSITIVE_INFINITY) - 1)
}
