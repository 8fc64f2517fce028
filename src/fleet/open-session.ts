import { setTimeout as delay } from 'node:timers/promises'
import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import type { FleetEmitter } from './events.js'
import type { Fleet, FleetLimits, SessionOpening } from './fleet.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { LinkAdmission } from './link-admission.js'
import { linkEnd } from './refusals/link-ends.js'
import { mostSessions } from './most-sessions.js'
import {
  cancelled,
  channelUnanswered,
  type LastKnown,
  linkFull,
  notConnected,
  queueFull,
  refusedByDevice,
  type SessionRefusal,
  shuttingDown,
  unknownDevice,
} from './session-refusal.js'
import type { SessionRegister } from './session-register.js'
import type { SpareChannel, SpareChannels } from './spare-channels.js'

/** How clients get sessions on the links of this node. */
export interface SessionOpener {
  readonly open: Fleet['openSession']
  readonly whenAttached: Fleet['whenAttached']
}

/** What is known of the time before this process. */
export interface StartOfProcess {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Whether a device was attached when the process before this one ended, and has not called since. */
  readonly lost: (deviceId: string) => boolean
  readonly lastSeen: (deviceId: string) => Date | undefined
  /** Whether call-home connections still wait for their handshakes. */
  readonly crowd: () => boolean
}

/** Milliseconds between two looks whether the crowd of a start is still there. */
const CROWD_LOOK = 1_000

/** Milliseconds between attempts on a device that opens no further channel although our own count is below its limit. */
const REFUSED_CHANNEL_RETRY = 100

export function createSessionOpener({
  find,
  admissionOf,
  limits,
  state,
  events,
  register,
  start,
  now,
}: {
  readonly find: (deviceId: string) => FleetEntry | undefined
  readonly admissionOf: (attachment: Attachment, device: FleetEntry['device']) => LinkAdmission
  readonly limits: () => FleetLimits
  readonly state: () => 'open' | 'draining' | 'closed'
  readonly events: FleetEmitter
  readonly register: SessionRegister
  readonly start: StartOfProcess
  readonly now: () => number
}): SessionOpener {
  /** Settles when the device attaches a link, or after `wait` milliseconds, or when the client gave up. */
  const waitForLink = (entry: FleetEntry, wait: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve) => {
      const waiting = (entry.waiting ??= new Set())
      const wake = (): void => {
        waiting.delete(wake)
        clearTimeout(timer)
        stopListening()
        resolve()
      }
      const timer = setTimeout(wake, wait)
      waiting.add(wake)
      let stopListening = (): void => undefined
      stopListening = onAbort(signal, wake)
    })

  const whenAttached: SessionOpener['whenAttached'] = async (deviceId, wait, signal) => {
    const until = now() + wait
    for (;;) {
      const entry = find(deviceId)
      if (entry === undefined || state() === 'closed' || signal?.aborted) return false
      if (entry.attachment !== undefined) return true
      const left = until - now()
      if (left <= 0) return false
      await waitForLink(entry, left, signal)
    }
  }

  const open: Fleet['openSession'] = async (deviceId, request, client, signal) => {
    const opening = await tryToOpen(deviceId, request, client, signal)
    if (!opening.ok) events.emit('session-refused', { deviceId, client, refusal: opening.refusal })
    return opening
  }

  const tryToOpen: Fleet['openSession'] = async (deviceId, request, client, signal) => {
    const entry = find(deviceId)
    if (entry === undefined) return refused(unknownDevice(deviceId))
    const admitted = (spares: SpareChannels, { channel, release }: SpareChannel): SessionOpening => {
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
    const began = now()
    let lastRefusal = 'its sessions are all in use'
    for (;;) {
      if (signal?.aborted) return refused(cancelled)
      if (state() !== 'open') return refused(shuttingDown)
      if (find(deviceId) !== entry) return refused(unknownDevice(deviceId))
      const attachment = entry.attachment
      if (attachment === undefined) {
        const left = reconnectTimeLeft(entry, began)
        if (left <= 0 || (entry.waiting?.size ?? 0) >= limits().maxQueuedSessions)
          return refused(notConnected(deviceId, lastKnown(entry), now()))
        await waitForLink(entry, left, signal)
        continue
      }
      const { link } = attachment
      const admission = admissionOf(attachment, entry.device)
      const { slots, spares } = admission
      const most = mostSessions(entry.device, link.software)
      const spare = spares.take(request)
      if (spare !== undefined) return admitted(spares, spare)
      if (slots.full()) spares.giveUp()
      const left = began + limits().sessionWait - now()
      if (slots.full()) {
        events.emit('session-wanted', { deviceId })
        admission.makeRoom(stallTimeout(left))
      }
      const slot = await slots.acquire(Math.max(left, 0), signal)
      if (!slot.ok) {
        if (slot.cause === 'closed') continue
        if (slot.cause === 'cancelled') return refused(cancelled)
        return refused(slot.cause === 'queue-full' ? queueFull(deviceId, most) : linkFull(deviceId, most, lastRefusal))
      }
      if (state() !== 'open') {
        slot.release()
        continue
      }
      const opening = await admission.open(request, stallTimeout(left)).catch((thrown: unknown) => {
        slot.release()
        throw thrown
      })
      if (opening.ok) {
        const place = { channel: opening.channel, release: slot.release }
        if (!signal?.aborted) return admitted(spares, place)
        abandon(place)
        return refused(cancelled)
      }
      slot.release()
      if (opening.cause === 'unanswered') return refused(channelUnanswered(deviceId, request, opening.message))
      if (opening.cause === 'request') return refused(refusedByDevice(deviceId, request, opening.message))
      if (opening.cause === 'link-closed') {
        await link.ended
        continue
      }
      const lost = link.lostChannels()
      // Its sessions are taken by channels that it never closes; nobody is on the link who would be cut off.
      if (lost > 0 && slots.taken() === 0) link.end(linkEnd('channels-unanswered', lost))
      lastRefusal = `the device opens no further channel (${opening.message})`
      events.emit('session-wanted', { deviceId })
      if (now() - began + REFUSED_CHANNEL_RETRY > limits().sessionWait)
        return refused(linkFull(deviceId, most, lastRefusal))
      // sshd frees a session some time after it closed the channel, so a refusal below the limit is worth another try.
      await delay(REFUSED_CHANNEL_RETRY, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    }
  }

  const lastKnown = ({ device: { id }, lastDetached, lastRefusal }: FleetEntry): LastKnown => ({
    detached: lastDetached,
    refusal: lastRefusal,
    startedAt: start.at,
    seen: start.lastSeen(id),
  })

  /** Milliseconds that a client may still wait for a device to call; none for one that is not expected soon. */
  const reconnectTimeLeft = ({ device: { id }, lastDetached }: FleetEntry, began: number): number => {
    // Its link was lost with the process before, as far as its clients are concerned at the start of this one.
    const lost = lastDetached?.at.getTime() ?? (start.lost(id) ? start.at : undefined)
    if (lost === undefined || began - lost > limits().reconnectWindow || lastDetached?.end.reason === 'let-go') return 0
    const left = began + limits().reconnectWait - now()
    if (lastDetached !== undefined || left > 0 || !start.crowd()) return left
    return Math.min(began + limits().startWait - now(), CROWD_LOOK)
  }

  return { open, whenAttached }
}

const refused = (refusal: SessionRefusal): SessionOpening => ({ ok: false, refusal })

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
