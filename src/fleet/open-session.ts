import { setTimeout as delay } from 'node:timers/promises'
import { inBackground } from '../lib/background.js'
import type { Elsewhere, OpeningElsewhere } from './elsewhere.js'
import type { FleetEmitter } from './fleet-emitter.js'
import { type Candidate, makeRoom, takePlace } from './choose-place.js'
import type { Attachment, FleetEntry, SessionPlace } from './fleet-entry.js'
import type { SessionClient } from './session-client.js'
import type { SessionRequest } from './session-request.js'
import type { Fleet, SessionOpening } from './fleet.js'
import type { LinkAdmission } from './link-admission.js'
import { letGoOfChannel } from './let-go-of-channel.js'
import { type ChannelOpening, carries, type Link } from './link.js'
import type { LinkWaits } from './link-waits.js'
import { type SessionLimit, sessionLimit } from './most-sessions.js'
import { createPortOpener, type PortLimits, refusalOfPort } from './open-port.js'
import { linkEnd } from './refusals/link-ends.js'
import { type FleetSessionRefusal, sessionRefusal } from './refusals/sessions.js'
import { registered, type SessionRegister } from './session-register.js'
import { createSessionQueue, type PlaceAnswer, type SessionQueue } from './session-queue.js'
import type { SpareChannel } from './spare-channels.js'

/** Opens sessions for clients on the links of this node. */
export interface SessionOpener {
  readonly open: Fleet['openSession']
}

export interface SessionOpenerOptions {
  readonly find: (deviceId: string) => FleetEntry | undefined
  readonly admissionOf: (entry: FleetEntry, attachment: Attachment) => LinkAdmission
  readonly limits: () => PortLimits & { readonly maxQueuedSessions: number; readonly sessionWait: number }
  /**
   * Whether a client may have a new session. While the bridge is stopping, those of other nodes still do: their nodes
   * go on, and the device has not called there yet.
   */
  readonly serves: (client: SessionClient) => boolean
  readonly waits: Pick<LinkWaits, 'forLink' | 'timeLeft' | 'lastKnown' | 'wake'>
  /** The other nodes; absent for a bridge alone. */
  readonly elsewhere?: Elsewhere
  readonly events: FleetEmitter
  readonly register: SessionRegister
  readonly now: () => number
}

/**
 * Milliseconds between two attempts to open a channel on a device that refuses one, although by the bridge's count it
 * has fewer sessions than its limit.
 */
const REFUSED_CHANNEL_RETRY = 100

/** How the last link of a device ended. */
type Lost = NonNullable<FleetEntry['lastDetached']>

/** A client that has asked for a session and has not got it yet. */
interface Asking extends Omit<SessionRequest, 'sessionId'> {
  sessionId?: string
  readonly entry: FleetEntry
  /** When it asked, in milliseconds since 1970. */
  readonly began: number
  readonly signal: AbortSignal | undefined
  /** Links on which the device has just refused it a channel. */
  readonly refusedBy: Set<Attachment>
  /** When the node that has the device was first found out of reach: as if its link had ended then. */
  outOfReach?: Lost
  /** That the device refused a channel for it, as the last thing that happened. */
  lastRefusal: Extract<SessionLimit, { readonly whose: 'device' }> | undefined
}

/** Longer than most functions, because it is one path: from a client's request to its session or its refusal. */
export function createSessionOpener(options: SessionOpenerOptions): SessionOpener {
  const { find, admissionOf, limits, serves, waits, events, register, elsewhere, now } = options
  const openPort = createPortOpener(options)

  const open: Fleet['openSession'] = async (asked, signal) => {
    const opening = await openOrRefuse(asked, signal)
    const { deviceId, client } = asked
    if (!opening.ok) events.emit('session-refused', { deviceId, client, refusal: opening.refusal })
    return opening
  }

  const openOrRefuse: Fleet['openSession'] = async (asked, signal) => {
    const entry = find(asked.deviceId)
    if (entry === undefined) return refused(sessionRefusal('unknown-device', asked.deviceId))
    const asking = { ...asked, entry, began: now(), signal, refusedBy: new Set<Attachment>(), lastRefusal: undefined }
    // Each round ends with a session, a refusal, or a change that makes another round worth while.
    for (;;) {
      const opening = noSession(asking) ?? (await tryOnce(asking))
      if (opening !== 'again') return opening
    }
  }

  /** Why the client gets no session whatever its device does. */
  const noSession = ({ deviceId, client, entry, signal }: Asking): SessionOpening | undefined => {
    if (signal?.aborted) return refused(sessionRefusal('cancelled'))
    if (!serves(client)) return refused(sessionRefusal('shutting-down'))
    return find(deviceId) === entry ? undefined : refused(sessionRefusal('unknown-device', deviceId))
  }

  const tryOnce = (asking: Asking): Promise<SessionOpening | 'again'> => {
    const [first] = asking.entry.attachments
    if (first !== undefined) return tryOn(first.link, asking)
    // What came from another node goes to no third one, and waits at its own.
    if (elsewhere === undefined || asking.client.node !== undefined) return waitForLink(asking)
    return tryElsewhere(elsewhere, asking)
  }

  const waitForLink = async ({ deviceId, entry, began, client, signal }: Asking): Promise<SessionOpening | 'again'> => {
    const left = client.node === undefined ? waits.timeLeft(entry, began) : 0
    if (left <= 0 || (entry.waiting?.size ?? 0) >= limits().maxQueuedSessions)
      return refused(sessionRefusal('not-connected', deviceId, await waits.lastKnown(entry), now()))
    await waits.forLink(entry, left, signal)
    return 'again'
  }

  const tryElsewhere = async (nodes: Elsewhere, asking: Asking): Promise<SessionOpening | 'again'> => {
    const { deviceId, request, client, account, keyExchange, entry, began, signal } = asking
    asking.sessionId ??= register.freeId()
    const wanted = {
      deviceId,
      request,
      client,
      ...(account === undefined ? {} : { account }),
      ...(keyExchange === undefined ? {} : { keyExchange }),
      sessionId: asking.sessionId,
      wait: Math.max(began + limits().sessionWait - now(), 0),
    }
    const opening = await nodes.openSession(wanted, signal)
    if (opening.ok) return openElsewhere(asking, opening)
    if (opening.cause === 'refused') return refused(opening.refusal)
    // It may have called here meanwhile.
    if (entry.attachments.length > 0) return 'again'
    const lost = opening.cause === 'nowhere' ? opening.lost : (asking.outOfReach ??= lostWith(opening))
    const left = waits.timeLeft(entry, began, lost)
    if (left <= 0 || (entry.waiting?.size ?? 0) >= limits().maxQueuedSessions)
      return refused(
        opening.cause === 'unreachable'
          ? sessionRefusal('node-unreachable', deviceId, opening.node)
          : sessionRefusal('not-connected', deviceId, await waits.lastKnown(entry, lost), now()),
      )
    const stopWatching = nodes.watch(deviceId, () => waits.wake(entry))
    await waits.forLink(entry, left, signal)
    stopWatching()
    return 'again'
  }

  /** The session at another node, unless its client went away, or the bridge began to stop, while it was opened. */
  const openElsewhere = (
    asking: Asking,
    { channel, node }: Extract<OpeningElsewhere, { readonly ok: true }>,
  ): SessionOpening | 'again' => {
    const { client, signal } = asking
    if (signal?.aborted === true || !serves(client)) {
      letGoOfChannel(channel)
      return 'again'
    }
    return { ok: true, channel, session: register.open({ ...registered(asking), link: 0, node }, channel) }
  }

  /** The links of the device on which the session may be opened now. */
  const candidatesFor = ({ entry, request, account }: Asking): readonly Candidate[] =>
    entry.attachments
      .filter(({ link }) => carries(link, request) && isOn(link, account))
      .map((attachment) => ({ attachment, admission: admissionOf(entry, attachment) }))

  const queueOf = (entry: FleetEntry): SessionQueue<SessionPlace> =>
    (entry.queue ??= createSessionQueue(() => limits().maxQueuedSessions))

  /**
   * Takes a spare channel or a place on one of the device's links, for which it may have to wait, and has the device
   * open a channel. `first` is one of them.
   */
  const tryOn = async (first: Link, asking: Asking): Promise<SessionOpening | 'again'> => {
    const { deviceId, request, entry, began, signal } = asking
    const candidates = candidatesFor(asking)
    if (!entry.attachments.some(({ link }) => carries(link, request)))
      return refused(
        sessionRefusal('refused-by-device', deviceId, request, { subsystems: first.capacity.subsystems ?? [] }),
      )
    if (asking.account !== undefined && entry.device.accounts?.includes(asking.account) === false)
      return refused(noLinkWith(asking.account, entry))
    // The newest one is the likeliest to be alive, and no place among the sessions is taken.
    const newest = candidates.at(-1)?.attachment
    if (request.kind === 'tcp' && newest !== undefined) return openPort(newest, { ...asking, request })
    const left = began + limits().sessionWait - now()
    const queue = queueOf(entry)
    const answer = await queue.acquire({
      take: () => takePlace(candidatesFor(asking), asking),
      wait: Math.max(left, 0),
      signal,
      noneFree: () => {
        // Nobody on another account can give it a place.
        if (candidates.length === 0) return
        events.emit('session-wanted', { deviceId })
        makeRoom(candidates, queue.length() + 1, stallTimeout(left))
      },
    })
    if (!answer.ok) return notPlaced(first, asking, answer.cause)
    const { attachment, release, spare } = answer.place
    if (spare !== undefined) return stillWanted(asking, attachment, spare)
    if (!serves(asking.client)) {
      release()
      return 'again'
    }
    const admission = admissionOf(entry, attachment)
    const opening = await admission
      .open({ request, user: asking.client.user }, stallTimeout(left))
      .catch((thrown: unknown) => {
        release()
        throw thrown
      })
    if (!opening.ok) {
      release()
      return notOpened(attachment, asking, opening)
    }
    return stillWanted(asking, attachment, { channel: opening.channel, release })
  }

  const notPlaced = (
    link: Link,
    asking: Asking,
    cause: Extract<PlaceAnswer<SessionPlace>, { readonly ok: false }>['cause'],
  ): SessionOpening | 'again' => {
    if (cause === 'dispersed') return 'again'
    if (cause === 'cancelled') return refused(sessionRefusal('cancelled'))
    const { deviceId, entry, account, lastRefusal } = asking
    const links = candidatesFor(asking).length
    if (cause === 'timeout' && links === 0 && account !== undefined) return refused(noLinkWith(account, entry))
    const limit = lastRefusal ?? sessionLimit(entry.device, link)
    const bounds = { limit, links }
    return refused(
      cause === 'queue-full'
        ? sessionRefusal('session-queue-full', deviceId, bounds, limits().maxQueuedSessions)
        : sessionRefusal('link-full', deviceId, bounds),
    )
  }

  /** The session, unless its client went away, or the bridge began to stop, while it was opened. */
  const stillWanted = (asking: Asking, attachment: Attachment, place: SpareChannel): SessionOpening | 'again' => {
    if (!asking.signal?.aborted && serves(asking.client)) return admitted(asking, attachment, place)
    abandon(place)
    return asking.signal?.aborted ? refused(sessionRefusal('cancelled')) : 'again'
  }

  /** What becomes of a client whose device opened no channel for it. */
  const notOpened = async (
    attachment: Attachment,
    asking: Asking,
    opening: Extract<ChannelOpening, { readonly ok: false }>,
  ): Promise<SessionOpening | 'again'> => {
    const { cause, message } = opening
    const { deviceId, request, began, signal } = asking
    const { link, admission } = attachment
    if (cause === 'unanswered') return refused(sessionRefusal('channel-unanswered', deviceId, request, message))
    if (cause === 'request') return refused(sessionRefusal('refused-by-device', deviceId, request, { saying: message }))
    if (cause === 'link-closed') {
      await link.ended
      return 'again'
    }
    const final = refusalOfPort(opening, asking)
    if (final !== undefined) return refused(final)
    const lost = link.lostChannels()
    // Its sessions are taken by channels that it never closes; nobody is on the link who would be cut off.
    if (lost > 0 && admission?.slots.taken() === 0) link.end(linkEnd('channels-unanswered', lost))
    const limit = { whose: 'device', open: admission?.slots.taken() ?? 0, saying: message } as const
    asking.lastRefusal = limit
    asking.refusedBy.add(attachment)
    const others = candidatesFor(asking).filter((other) => !asking.refusedBy.has(other.attachment))
    if (others.some(({ admission: { slots } }) => slots.free() > 0)) return 'again'
    asking.refusedBy.clear()
    events.emit('session-wanted', { deviceId })
    if (now() - began + REFUSED_CHANNEL_RETRY > limits().sessionWait)
      return refused(sessionRefusal('link-full', deviceId, { limit, links: candidatesFor(asking).length }))
    // sshd frees a session some time after it closed the channel, so a refusal below the limit is worth another try.
    await delay(REFUSED_CHANNEL_RETRY, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    return 'again'
  }

  const admitted = (asking: Asking, attachment: Attachment, { channel, release }: SpareChannel): SessionOpening => {
    const { spares } = admissionOf(asking.entry, attachment)
    spares.fill()
    const session = register.open({ ...registered(asking), link: attachment.number }, channel)
    const free = (): void => {
      release()
      spares.fill()
    }
    inBackground('fleet', channel.closed.then(free))
    // Its place is free at once, whenever the device closes its channel.
    inBackground('fleet', session.killed.then(free))
    return { ok: true, channel, session }
  }

  return { open }
}

const refused = (refusal: FleetSessionRefusal): SessionOpening => ({ ok: false, refusal })

/** A node that cannot be reached is as good as a link that was lost: the device may call another one. */
function lostWith({ node, seen }: Extract<OpeningElsewhere, { readonly cause: 'unreachable' }>): Lost {
  return { at: seen, end: { reason: 'lost', message: `node ${node}, which has it, cannot be reached` } }
}

const isOn = (link: Link, account: string | undefined): boolean => account === undefined || link.account === account

function noLinkWith(account: string, { device, attachments }: FleetEntry): FleetSessionRefusal {
  const there = attachments.map(({ link }) => link.account).filter((name) => name !== undefined)
  return sessionRefusal('no-link-with-account', device.id, account, {
    there: [...new Set(there)],
    listed: device.accounts?.includes(account) !== false,
  })
}

/** Milliseconds that a held session gets to end, from those that its client waits at most. */
const stallTimeout = (left: number): number => Math.max(left, 1_000)

/** Closes a channel whose client went away while it was opened; its place is free when the device has closed it. */
function abandon({ channel, release }: SpareChannel): void {
  inBackground('fleet', channel.closed.then(release))
  letGoOfChannel(channel)
}
