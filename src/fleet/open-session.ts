import { setTimeout as delay } from 'node:timers/promises'
import { inBackground } from '../lib/background.js'
import type { FleetEmitter } from './fleet-emitter.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { SessionRequest } from './session-request.js'
import type { Fleet, SessionOpening } from './fleet.js'
import type { LinkAdmission } from './link-admission.js'
import { type ChannelOpening, carries } from './link.js'
import type { LinkWaits } from './link-waits.js'
import { mostSessions } from './most-sessions.js'
import { linkEnd } from './refusals/link-ends.js'
import { type FleetSessionRefusal, sessionRefusal } from './refusals/sessions.js'
import type { SessionRegister } from './session-register.js'
import type { SpareChannel, SpareChannels } from './spare-channels.js'

/** Opens sessions for clients on the links of this node. */
export interface SessionOpener {
  readonly open: Fleet['openSession']
}

export interface SessionOpenerOptions {
  readonly find: (deviceId: string) => FleetEntry | undefined
  readonly admissionOf: (attachment: Attachment, device: FleetEntry['device']) => LinkAdmission
  readonly limits: () => { readonly maxQueuedSessions: number; readonly sessionWait: number }
  readonly state: () => 'open' | 'draining' | 'closed'
  readonly waits: Pick<LinkWaits, 'forLink' | 'timeLeft' | 'lastKnown'>
  readonly events: FleetEmitter
  readonly register: SessionRegister
  readonly now: () => number
}

/**
 * Milliseconds between two attempts to open a channel on a device that refuses one, although by the bridge's count it
 * has fewer sessions than its limit.
 */
const REFUSED_CHANNEL_RETRY = 100

/** A client that has asked for a session and has not got it yet. */
interface Asking extends SessionRequest {
  readonly entry: FleetEntry
  /** When it asked, in milliseconds since 1970. */
  readonly began: number
  readonly signal: AbortSignal | undefined
  /** The device's reason for its last refusal of a channel. */
  lastRefusal: string
}

/** Longer than most functions, because it is one path: from a client's request to its session or its refusal. */
export function createSessionOpener(options: SessionOpenerOptions): SessionOpener {
  const { find, admissionOf, limits, state, waits, events, register, now } = options

  const open: Fleet['openSession'] = async (asked, signal) => {
    const opening = await openOrRefuse(asked, signal)
    const { deviceId, client } = asked
    if (!opening.ok) events.emit('session-refused', { deviceId, client, refusal: opening.refusal })
    return opening
  }

  const openOrRefuse: Fleet['openSession'] = async (asked, signal) => {
    const entry = find(asked.deviceId)
    if (entry === undefined) return refused(sessionRefusal('unknown-device', asked.deviceId))
    const asking = { ...asked, entry, began: now(), signal, lastRefusal: 'its sessions are all in use' }
    // Each round ends with a session, a refusal, or a change that makes another round worth while.
    for (;;) {
      const opening = noSession(asking) ?? (await tryOnce(asking))
      if (opening !== 'again') return opening
    }
  }

  /** Why the client gets no session whatever its device does. */
  const noSession = ({ deviceId, entry, signal }: Asking): SessionOpening | undefined => {
    if (signal?.aborted) return refused(sessionRefusal('cancelled'))
    if (state() !== 'open') return refused(sessionRefusal('shutting-down'))
    return find(deviceId) === entry ? undefined : refused(sessionRefusal('unknown-device', deviceId))
  }

  const tryOnce = (asking: Asking): Promise<SessionOpening | 'again'> => {
    const { attachment } = asking.entry
    return attachment === undefined ? waitForLink(asking) : tryOn(attachment, asking)
  }

  const waitForLink = async ({ deviceId, entry, began, signal }: Asking): Promise<SessionOpening | 'again'> => {
    const left = waits.timeLeft(entry, began)
    if (left <= 0 || (entry.waiting?.size ?? 0) >= limits().maxQueuedSessions)
      return refused(sessionRefusal('not-connected', deviceId, await waits.lastKnown(entry), now()))
    await waits.forLink(entry, left, signal)
    return 'again'
  }

  /**
   * Takes a spare channel of the link, or a place on it, for which it may have to wait, and has the device open a
   * channel.
   */
  const tryOn = async (attachment: Attachment, asking: Asking): Promise<SessionOpening | 'again'> => {
    const { deviceId, request, entry, began, signal } = asking
    const { link } = attachment
    if (!carries(link, request))
      return refused(
        sessionRefusal('refused-by-device', deviceId, request, { subsystems: link.capacity.subsystems ?? [] }),
      )
    const admission = admissionOf(attachment, entry.device)
    const { slots, spares } = admission
    const spare = spares.take(request)
    if (spare !== undefined) return admitted(asking, spares, spare)
    if (slots.full()) spares.giveUp()
    const left = began + limits().sessionWait - now()
    if (slots.full()) {
      events.emit('session-wanted', { deviceId })
      admission.makeRoom(stallTimeout(left))
    }
    const slot = await slots.acquire(Math.max(left, 0), signal)
    if (!slot.ok) {
      if (slot.cause === 'closed') return 'again'
      if (slot.cause === 'cancelled') return refused(sessionRefusal('cancelled'))
      const most = mostSessions(entry.device, link)
      return refused(
        slot.cause === 'queue-full'
          ? sessionRefusal('session-queue-full', deviceId, most)
          : sessionRefusal('link-full', deviceId, most, asking.lastRefusal),
      )
    }
    if (state() !== 'open') {
      slot.release()
      return 'again'
    }
    const opening = await admission.open(request, stallTimeout(left)).catch((thrown: unknown) => {
      slot.release()
      throw thrown
    })
    if (!opening.ok) {
      slot.release()
      return notOpened(attachment, asking, opening)
    }
    const place = { channel: opening.channel, release: slot.release }
    if (!signal?.aborted) return admitted(asking, spares, place)
    abandon(place)
    return refused(sessionRefusal('cancelled'))
  }

  /** What becomes of a client whose device opened no channel for it. */
  const notOpened = async (
    { link, admission }: Attachment,
    asking: Asking,
    { cause, message }: Extract<ChannelOpening, { readonly ok: false }>,
  ): Promise<SessionOpening | 'again'> => {
    const { deviceId, request, entry, began, signal } = asking
    if (cause === 'unanswered') return refused(sessionRefusal('channel-unanswered', deviceId, request, message))
    if (cause === 'request') return refused(sessionRefusal('refused-by-device', deviceId, request, { saying: message }))
    if (cause === 'link-closed') {
      await link.ended
      return 'again'
    }
    const lost = link.lostChannels()
    // Its sessions are taken by channels that it never closes; nobody is on the link who would be cut off.
    if (lost > 0 && admission?.slots.taken() === 0) link.end(linkEnd('channels-unanswered', lost))
    asking.lastRefusal = `the device opens no further channel (${message})`
    events.emit('session-wanted', { deviceId })
    if (now() - began + REFUSED_CHANNEL_RETRY > limits().sessionWait)
      return refused(sessionRefusal('link-full', deviceId, mostSessions(entry.device, link), asking.lastRefusal))
    // sshd frees a session some time after it closed the channel, so a refusal below the limit is worth another try.
    await delay(REFUSED_CHANNEL_RETRY, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    return 'again'
  }

  const admitted = (
    { deviceId, client, request }: SessionRequest,
    spares: SpareChannels,
    { channel, release }: SpareChannel,
  ): SessionOpening => {
    spares.fill()
    const session = register.open({ deviceId, client, request }, channel)
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

/** Milliseconds that a held session gets to end, from those that its client waits at most. */
const stallTimeout = (left: number): number => Math.max(left, 1_000)

/** Closes a channel whose client went away while it was opened; its place is free when the device has closed it. */
function abandon({ channel, release }: SpareChannel): void {
  channel.stream.on('error', () => undefined)
  channel.stream.resume()
  channel.standardError.resume()
  inBackground('fleet', channel.closed.then(release))
  channel.close()
}
