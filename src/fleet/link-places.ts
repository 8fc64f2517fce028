import { inBackground } from '../lib/background.js'
import { type Contest, createIdentityGuard, identityContested } from './contested-identity.js'
import { describeLink } from './device-status.js'
import type { FleetEmitter } from './fleet-emitter.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { HeldSession } from './held-session.js'
import { letGoWhenDone } from './let-go.js'
import type { ChannelLoss, Link, LinkEnd } from './link.js'
import { isLimitedBySoftware, mostLostChannels, mostSessions } from './most-sessions.js'
import type { LinkRefusal } from './refusals/call-home.js'
import { linkEnd } from './refusals/link-ends.js'

/** The place that each device has for its one link. */
export interface LinkPlaces {
  /**
   * Gives a proven link the place of its device. It replaces the older one at once (half-open connections are the
   * commonest failure of call home), unless two live ones replace each other again and again.
   * @param held the session that the bridge keeps open on it for itself
   */
  readonly attach: (link: Link, held?: HeldSession) => void
  /** No link has a place from now on. */
  readonly close: () => void
}

/** What decides on places, and who is told. */
export interface LinkPlacesOptions {
  readonly find: (deviceId: string) => FleetEntry | undefined
  readonly limits: () => {
    readonly replaceWait: number
    readonly idleTimeout: number
    readonly maxLostChannels: number
  }
  readonly events: FleetEmitter
  readonly refuse: (refusal: LinkRefusal) => void
  /** A link is in its place: those who wait for it go on. */
  readonly attached: (entry: FleetEntry, attachment: Attachment) => void
  /** Whether somebody has work for a device beside the clients that are here. */
  readonly hasWork: (deviceId: string) => Promise<boolean>
  readonly now: () => number
}

/** Milliseconds that the session that the bridge holds gets to take leave before its link is let go. */
const LEAVE_TIMEOUT = 2_000

export function createLinkPlaces(options: LinkPlacesOptions): LinkPlaces {
  const { find, limits, events, refuse, attached, hasWork, now } = options
  let closed = false

  /** Why a link has no place in the fleet, where it has none. */
  const unwanted = (link: Link, entry: FleetEntry | undefined): LinkEnd | undefined => {
    if (closed) return linkEnd('shutdown')
    if (entry === undefined) return linkEnd('removed')
    return link.stillProven() ? undefined : linkEnd('no-longer-proven')
  }

  const attach: LinkPlaces['attach'] = (link, held) => {
    const entry = find(link.deviceId)
    const end = unwanted(link, entry)
    if (end !== undefined || entry === undefined) return link.end(end ?? linkEnd('removed'))
    const old = entry.attachment
    if (old === undefined) return takeIn(entry, link, held)
    entry.guard ??= createIdentityGuard(() => limits().replaceWait, now)
    entry.guard.challenge(old.link, {
      link,
      // It may have waited for the answer of the older link, and things may have changed meanwhile.
      attach: () => (entry.attachment === old ? replace(entry, link, held) : attach(link, held)),
      reject: (contest) => reject(link, contest),
    })
  }

  const replace = (entry: FleetEntry, link: Link, held: HeldSession | undefined): void => {
    const end = unwanted(link, find(link.deviceId))
    if (end !== undefined) return link.end(end)
    takeIn(entry, link, held)
  }

  const reject = (link: Link, contest: Contest): void => {
    const refusal = identityContested(link, contest)
    link.end(linkEnd('identity-contested', refusal.message))
    refuse(refusal)
    const { since, last, ...more } = contest
    events.emit('contested', {
      deviceId: link.deviceId,
      ...more,
      since: since.toISOString(),
      last: last.toISOString(),
    })
  }

  const takeIn = (entry: FleetEntry, link: Link, held: HeldSession | undefined): void => {
    const old = entry.attachment
    const attachment: Attachment = { link, held, attachedAt: now() }
    entry.attachment = attachment
    delete entry.lastDetached
    inBackground(
      'fleet',
      link.ended.then((end) => detach(entry, attachment, end)),
    )
    if (entry.device.periodic === true) letGoLater(entry, attachment)
    link.onChannelLost((loss) => channelLost(entry, link, loss))
    if (old === undefined) events.emit('attached', describeLink(link))
    else displace(old, link)
    const most = mostSessions(entry.device, link)
    if (most < entry.device.maxSessions && isLimitedBySoftware(entry.device, link.software))
      events.emit('sessions-limited', { ...describeLink(link), mostSessions: most })
    attached(entry, attachment)
  }

  /** Ends the older link of a device, with its sessions; whoever waits for one goes to the newer link. */
  const displace = (old: Attachment, newer: Link): void => {
    const sessions = old.admission?.slots.taken() ?? 0
    events.emit('replaced', { ...describeLink(newer), oldSource: old.link.source, sessions })
    old.admission?.close()
    old.link.end(linkEnd('replaced', newer.source))
  }

  const detach = (entry: FleetEntry, attachment: Attachment, end: LinkEnd): void => {
    attachment.admission?.close()
    if (entry.attachment !== attachment) return
    delete entry.attachment
    entry.lastDetached = { at: new Date(now()), end }
    events.emit('detached', { ...describeLink(attachment.link), end })
    entry.guard?.vacant()
  }

  const letGoLater = ({ device: { id } }: FleetEntry, attachment: Attachment): void => {
    const { link, held } = attachment
    const busy = (): boolean => {
      const { slots } = attachment.admission ?? {}
      return (slots?.taken() ?? 0) + (slots?.queued() ?? 0) > 0
    }
    const stop = letGoWhenDone({
      busy,
      hasWork: () => hasWork(id),
      idleTimeout: () => limits().idleTimeout,
      letGo: async () => {
        await held?.giveWay(LEAVE_TIMEOUT)
        if (busy()) held?.comeBack()
        else link.end(linkEnd('let-go'))
      },
    })
    inBackground('fleet', link.ended.then(stop))
  }

  const channelLost = ({ device }: FleetEntry, link: Link, loss: ChannelLoss): void => {
    const lost = link.lostChannels()
    events.emit('channel-lost', { ...describeLink(link), loss, lost })
    if (lost < mostLostChannels(device, limits().maxLostChannels, link)) return
    // Whether a device that says nothing at all is there is for the keepalive to judge, which knows for whom it may be
    // busy.
    if (link.mayBeBusy?.() !== true) link.end(linkEnd('channels-unanswered', lost))
  }

  return {
    attach,
    close: () => {
      closed = true
    },
  }
}
