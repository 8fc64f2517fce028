import { inBackground } from '../lib/background.js'
import { type Contest, createIdentityGuard, identityContested } from './contested-identity.js'
import { describeLink } from './device-status.js'
import type { FleetEmitter } from './fleet-emitter.js'
import { type Attachment, type FleetEntry, mostLinks, NO_ATTACHMENTS } from './fleet-entry.js'
import type { HeldSession } from './held-session.js'
import { readinessToGiveWay } from './give-way.js'
import { letGoWhenDone } from './let-go.js'
import type { ChannelLoss, Link, LinkEnd } from './link.js'
import { isLimitedBySoftware, mostLostChannels, mostSessions } from './most-sessions.js'
import type { LinkRefusal } from './refusals/call-home.js'
import { linkEnd } from './refusals/link-ends.js'

/** The places that each device has for its links; one, where nobody says otherwise. */
export interface LinkPlaces {
  /**
   * Gives a proven link a place of its device. Where none is free it replaces the oldest one at once (half-open
   * connections are the commonest failure of call home), unless live ones replace each other again and again.
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
  /** The last link of a device has ended. */
  readonly detached: (entry: FleetEntry, end: LinkEnd) => void
  /** Whether somebody has work for a device beside the clients that are here. */
  readonly hasWork: (deviceId: string) => Promise<boolean>
  readonly now: () => number
}

/** The links of a device before a newer one came, those that give way to it, and how many there are now. */
interface Change {
  readonly before: readonly Attachment[]
  readonly surplus: readonly Attachment[]
  readonly links: number
}

/** Milliseconds that the session that the bridge holds gets to take leave before its link is let go. */
const LEAVE_TIMEOUT = 2_000

export function createLinkPlaces(options: LinkPlacesOptions): LinkPlaces {
  const { find, limits, events, refuse, attached, detached, hasWork, now } = options
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
    if (entry.attachments.length < mostLinks(entry)) return takeIn(entry, link, held)
    const [old] = leastWanted(entry.attachments, link)
    if (old === undefined) return takeIn(entry, link, held)
    entry.guard ??= createIdentityGuard({ wait: () => limits().replaceWait, mostLinks: () => mostLinks(entry) }, now)
    entry.guard.challenge(old.link, {
      link,
      // It may have waited for the answer of the older link, and things may have changed meanwhile.
      attach: () => (entry.attachments.includes(old) ? replace(entry, link, held) : attach(link, held)),
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
    const before = entry.attachments
    const surplus = leastWanted(before, link).slice(0, Math.max(before.length + 1 - mostLinks(entry), 0))
    entry.linksSoFar += 1
    const attachment: Attachment = { number: entry.linksSoFar, link, held, attachedAt: now() }
    entry.attachments = [...before.filter((one) => !surplus.includes(one)), attachment]
    delete entry.lastDetached
    inBackground(
      'fleet',
      link.ended.then((end) => detach(entry, attachment, end)),
    )
    if (entry.device.periodic === true) letGoLater(entry, attachment)
    link.onChannelLost((loss) => channelLost(entry, attachment, loss))
    tellOf(attachment, { before, surplus, links: entry.attachments.length })
    for (const old of surplus) displace(old, link)
    // One of them may be half-open: until it answers, sessions go to the others.
    for (const other of entry.attachments) if (other !== attachment) inBackground('fleet', other.link.probe())
    const most = mostSessions(entry.device, link)
    if (most < entry.device.maxSessions && isLimitedBySoftware(entry.device, link.software))
      events.emit('sessions-limited', { ...describeLink(attachment), mostSessions: most })
    attached(entry, attachment)
  }

  const tellOf = (attachment: Attachment, { before, surplus, links }: Change): void => {
    const told = describeLink(attachment)
    const [old, ...others] = surplus
    if (before.length === 0) return events.emit('attached', told)
    if (old === undefined) return events.emit('link-added', { ...told, links })
    for (const other of others)
      events.emit('link-ended', { ...describeLink(other), end: linkEnd('replaced', attachment.link.source), links })
    events.emit('replaced', {
      ...told,
      oldSource: old.link.source,
      oldNumber: old.number,
      sessions: old.admission?.slots.taken() ?? 0,
    })
  }

  /** Ends an older link of a device, with its sessions; whoever waits for one gets it on another link. */
  const displace = (old: Attachment, newer: Link): void => {
    old.admission?.close()
    old.link.end(linkEnd('replaced', newer.source))
  }

  const detach = (entry: FleetEntry, attachment: Attachment, end: LinkEnd): void => {
    attachment.admission?.close()
    if (!entry.attachments.includes(attachment)) return
    const others = entry.attachments.filter((one) => one !== attachment)
    entry.attachments = others.length === 0 ? NO_ATTACHMENTS : others
    const ended = { ...describeLink(attachment), end }
    if (others.length > 0) events.emit('link-ended', { ...ended, links: others.length })
    else {
      entry.lastDetached = { at: new Date(now()), end }
      events.emit('detached', ended)
      detached(entry, end)
      entry.queue?.disperse()
    }
    entry.guard?.vacant()
  }

  const letGoLater = (entry: FleetEntry, attachment: Attachment): void => {
    const { link, held } = attachment
    const busy = (): boolean => (attachment.admission?.slots.taken() ?? 0) + (entry.queue?.length() ?? 0) > 0
    const stop = letGoWhenDone({
      busy,
      hasWork: () => hasWork(entry.device.id),
      idleTimeout: () => limits().idleTimeout,
      letGo: async () => {
        await held?.giveWay(LEAVE_TIMEOUT)
        if (busy()) held?.comeBack()
        else link.end(linkEnd('let-go'))
      },
    })
    inBackground('fleet', link.ended.then(stop))
  }

  const channelLost = ({ device }: FleetEntry, attachment: Attachment, loss: ChannelLoss): void => {
    const { link } = attachment
    const lost = link.lostChannels()
    events.emit('channel-lost', { ...describeLink(attachment), loss, lost })
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

/**
 * Links of a device in the order in which they give way to a newer one: those on its account first, so that each
 * account keeps its link; of these, those that have long owed an answer, then the oldest.
 */
function leastWanted(attachments: readonly Attachment[], { account }: Link): readonly Attachment[] {
  const rank = ({ link }: Attachment): number => 2 * Number(link.account === account) + readinessToGiveWay(link)
  return attachments.toSorted((one, other) => rank(other) - rank(one))
}
