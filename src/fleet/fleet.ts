import { inBackground } from '../lib/background.js'
import { onAbort } from '../lib/on-abort.js'
import { setTimeout as delay } from 'node:timers/promises'
import type { DeviceEndpoint } from './device-endpoint.js'
import { type AttachedLink, createFleetEmitter, type FleetEmitter, type LinkRefusal } from './events.js'
import type { ChannelRequest, DeviceChannel, Link, LinkEnd } from './link.js'
import {
  cancelled,
  linkFull,
  notConnected,
  queueFull,
  refusedByDevice,
  type SessionRefusal,
  shuttingDown,
  unknownDevice,
} from './session-refusal.js'
import { createSpareChannels, type SpareChannel, type SpareChannels } from './spare-channels.js'
import type { SessionClient } from './session-client.js'
import type { LiveSession, Octets } from './live-session.js'
import { createSessionRegister, type SessionHandle } from './session-register.js'
import { createSessionSlots, type SessionSlots, type SlotLimits } from './session-slots.js'

/** A device as the configuration knows it. */
export interface Device {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly maxSessions: number
  /** Channels that are kept ready on its link for the next clients; none by default. */
  readonly spareChannels?: number
  /** Further names of it. */
  readonly aliases?: readonly string[]
  /** What the configuration fixes for it. */
  readonly endpoint?: DeviceEndpoint
}

/** Bounds on what clients wait for; times in milliseconds. */
export interface FleetLimits {
  readonly maxQueuedSessions: number
  readonly sessionWait: number
  readonly reconnectWait: number
  readonly reconnectWindow: number
}

export interface DeviceStatus extends Device {
  /** Where it is reached by itself, fixed or given. */
  readonly endpoint?: DeviceEndpoint
  readonly link?: AttachedLink & { readonly attachedAt: Date; readonly sessions: number; readonly queued: number }
  readonly lastDetached?: { readonly at: Date; readonly end: LinkEnd }
  readonly lastRefusal?: { readonly at: Date; readonly refusal: LinkRefusal }
}

/** A session on a device is the device's own channel; its handle tells the fleet what is carried, and is told when it is killed. */
export type SessionOpening =
  | { readonly ok: true; readonly channel: DeviceChannel; readonly session: SessionHandle }
  | { readonly ok: false; readonly refusal: SessionRefusal }

/** What there is on this node now, for metrics. */
export interface FleetCounts {
  readonly links: number
  readonly sessions: Readonly<Record<SessionClient['via'], number>>
  /** Clients that wait for a session: for a free one on a link, or for a device that lost its link. */
  readonly waitingSessions: number
  /** Carried since the start. */
  readonly octets: Octets
}

/**
 * All devices that we know, with their links. The only way from a client to a device;
 * asynchronous throughout, because a link may be on another node.
 */
export interface Fleet {
  readonly events: FleetEmitter
  device(id: string): Promise<DeviceStatus | undefined>
  devices(): Promise<readonly DeviceStatus[]>
  /** Takes a proven link; it replaces the device's older one at once (half-open connections are the commonest failure of call home). */
  attach(link: Link): void
  /** Keeps and tells that a call-home connection was refused. It never touches a link. */
  refuse(refusal: LinkRefusal): void
  openSession(
    deviceId: string,
    request: ChannelRequest,
    client: SessionClient,
    signal?: AbortSignal,
  ): Promise<SessionOpening>
  /** Waits for a device to have a link, for at most so many milliseconds; whether it has one then. */
  whenAttached(deviceId: string, wait: number, signal?: AbortSignal): Promise<boolean>
  /** The sessions that clients have on devices now, the oldest first. */
  sessions(): Promise<readonly LiveSession[]>
  /** Ends a session, and tells its client who did it. False when there is none of this id. */
  endSession(id: string, by: string): Promise<boolean>
  counts(): Promise<FleetCounts>
  /** Takes in a device that was enrolled; one that is known stays as it is. */
  add(device: Device): void
  /** Applies a new configuration: links of devices that stayed and are still proven are kept, with their sessions. */
  configure(devices: readonly Device[], limits: FleetLimits): void
  /** Opens no session any more, and settles once none is left. Links stay. */
  drain(): Promise<void>
  /** Ends every link. */
  close(): void
}

interface Attachment {
  readonly link: Link
  /** Milliseconds since 1970. */
  readonly attachedAt: number
  /** Made for its first session or spare channel: most links carry none, and ten thousand of them are kept. */
  admission?: Admission
}

/** Who gets on a link. */
interface Admission {
  readonly slots: SessionSlots
  readonly spares: SpareChannels
}

interface Entry {
  device: Device
  attachment?: Attachment
  lastDetached?: { readonly at: Date; readonly end: LinkEnd }
  lastRefusal?: { readonly at: Date; readonly refusal: LinkRefusal }
  /** Those who wait for it to attach; absent where nobody ever has. */
  waiting?: Set<() => void>
}

/** Milliseconds between attempts on a device that opens no further channel although our own count is below its limit. */
const refusedChannelRetry = 100

export function createFleet(options: {
  readonly devices: readonly Device[]
  readonly limits: FleetLimits
  readonly events?: FleetEmitter
  /** Where a device is reached by itself; what the configuration fixes, when not given. */
  readonly endpointOf?: (deviceId: string) => DeviceEndpoint | undefined
  readonly now?: () => number
}): Fleet {
  const now = options.now ?? Date.now
  const events = options.events ?? createFleetEmitter()
  const entries = new Map<string, Entry>()
  const register = createSessionRegister(events, now)
  let limits = options.limits
  let closed = false
  let draining = false

  const slotLimits = (device: Device, { heldSessions }: Link): SlotLimits => ({
    maxSessions: Math.max(device.maxSessions - heldSessions, 1),
    maxQueued: limits.maxQueuedSessions,
  })

  const admissionOf = (attachment: Attachment, device: Device): Admission => {
    if (attachment.admission === undefined) {
      const slots = createSessionSlots(slotLimits(device, attachment.link))
      attachment.admission = { slots, spares: createSpareChannels(attachment.link, slots, device.spareChannels ?? 0) }
    }
    return attachment.admission
  }

  const adapt = (attachment: Attachment, device: Device): void => {
    if (attachment.admission === undefined) return fillSpares(attachment, device)
    const { slots, spares } = attachment.admission
    slots.limit(slotLimits(device, attachment.link))
    spares.keep(device.spareChannels ?? 0)
  }
  const fillSpares = (attachment: Attachment, device: Device): void => {
    if ((device.spareChannels ?? 0) > 0) admissionOf(attachment, device).spares.fill()
  }
  const dismiss = ({ admission }: Attachment): void => {
    admission?.spares.close()
    admission?.slots.close()
  }
  const wakeAll = ({ waiting }: Entry): void => {
    for (const wake of waiting ?? []) wake()
  }

  const configure: Fleet['configure'] = (devices, nextLimits) => {
    limits = nextLimits
    const kept = new Set(devices.map(({ id }) => id))
    for (const device of devices) {
      const entry = entries.get(device.id)
      if (entry === undefined) {
        add(device)
        continue
      }
      entry.device = device
      if (entry.attachment !== undefined) adapt(entry.attachment, device)
      if (entry.attachment?.link.stillProven() === false)
        entry.attachment.link.end({
          reason: 'no-longer-proven',
          message: 'the new configuration no longer trusts its host key',
        })
    }
    for (const [id, entry] of entries) {
      if (kept.has(id)) continue
      entry.attachment?.link.end({ reason: 'removed', message: 'the device was removed from the configuration' })
      entries.delete(id)
      wakeAll(entry)
    }
  }

  const add: Fleet['add'] = (device) => {
    if (!entries.has(device.id)) entries.set(device.id, { device })
  }

  const attach: Fleet['attach'] = (link) => {
    const entry = entries.get(link.deviceId)
    if (closed || entry === undefined)
      return link.end(
        closed
          ? { reason: 'shutdown', message: 'the bridge is stopping' }
          : { reason: 'removed', message: 'the device was removed from the configuration' },
      )
    const old = entry.attachment
    const attachment: Attachment = { link, attachedAt: now() }
    entry.attachment = attachment
    delete entry.lastDetached
    const detached = link.ended.then((end) => detach(entry, attachment, end))
    inBackground('fleet', detached)
    if (old === undefined) events.emit('attached', described(link))
    else {
      const sessions = old.admission?.slots.taken() ?? 0
      events.emit('replaced', { ...described(link), oldSource: old.link.source, sessions })
      dismiss(old)
      old.link.end({ reason: 'replaced', message: `the device dialled in again from ${link.source}` })
    }
    wakeAll(entry)
    fillSpares(attachment, entry.device)
  }

  const detach = (entry: Entry, attachment: Attachment, end: LinkEnd): void => {
    dismiss(attachment)
    if (entry.attachment !== attachment) return
    delete entry.attachment
    entry.lastDetached = { at: new Date(now()), end }
    events.emit('detached', { ...described(attachment.link), end })
  }

  /** Settles when the device attaches a link, or after `wait` milliseconds, or when the client gave up. */
  const waitForLink = (entry: Entry, wait: number, signal: AbortSignal | undefined): Promise<void> =>
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

  const whenAttached: Fleet['whenAttached'] = async (deviceId, wait, signal) => {
    const until = now() + wait
    for (;;) {
      const entry = entries.get(deviceId)
      if (entry === undefined || closed || signal?.aborted) return false
      if (entry.attachment !== undefined) return true
      const left = until - now()
      if (left <= 0) return false
      await waitForLink(entry, left, signal)
    }
  }

  const openSession: Fleet['openSession'] = async (deviceId, request, client, signal) => {
    const opening = await tryToOpen(deviceId, request, client, signal)
    if (!opening.ok) events.emit('session-refused', { deviceId, client, refusal: opening.refusal })
    return opening
  }

  const tryToOpen: Fleet['openSession'] = async (deviceId, request, client, signal) => {
    const entry = entries.get(deviceId)
    if (entry === undefined) return refused(unknownDevice(deviceId))
    const admitted = (spares: SpareChannels, { channel, release }: SpareChannel): SessionOpening => {
      spares.fill()
      const released = channel.closed.then(() => {
        release()
        spares.fill()
      })
      inBackground('fleet', released)
      return { ok: true, channel, session: register.open({ deviceId, client, request }, channel) }
    }
    const began = now()
    let lastRefusal = 'its sessions are all in use'
    for (;;) {
      if (signal?.aborted) return refused(cancelled)
      if (closed || draining) return refused(shuttingDown)
      if (entries.get(deviceId) !== entry) return refused(unknownDevice(deviceId))
      const attachment = entry.attachment
      if (attachment === undefined) {
        const left = reconnectTimeLeft(entry, began)
        if (left <= 0 || (entry.waiting?.size ?? 0) >= limits.maxQueuedSessions)
          return refused(notConnected(deviceId, { detached: entry.lastDetached, refusal: entry.lastRefusal }, now()))
        await waitForLink(entry, left, signal)
        continue
      }
      const { link } = attachment
      const { slots, spares } = admissionOf(attachment, entry.device)
      const spare = spares.take(request)
      if (spare !== undefined) return admitted(spares, spare)
      if (slots.full()) spares.giveUp()
      const left = began + limits.sessionWait - now()
      if (slots.full()) events.emit('crowded', { deviceId })
      const slot = await slots.acquire(Math.max(left, 0), signal)
      if (!slot.ok) {
        if (slot.cause === 'closed') continue
        if (slot.cause === 'cancelled') return refused(cancelled)
        const { maxSessions } = entry.device
        return refused(
          slot.cause === 'queue-full' ? queueFull(deviceId, maxSessions) : linkFull(deviceId, maxSessions, lastRefusal),
        )
      }
      if (draining) {
        slot.release()
        continue
      }
      const opening = await link.openChannel(request).catch((thrown: unknown) => {
        slot.release()
        throw thrown
      })
      if (opening.ok && signal?.aborted) {
        // Nobody is there any more who would end it.
        opening.channel.stream.resume()
        opening.channel.standardError.resume()
        opening.channel.close()
        inBackground('fleet', opening.channel.closed.then(slot.release))
        return refused(cancelled)
      }
      if (opening.ok) {
        return admitted(spares, { channel: opening.channel, release: slot.release })
      }
      slot.release()
      if (opening.cause === 'request') return refused(refusedByDevice(deviceId, request, opening.message))
      if (opening.cause === 'link-closed') {
        await link.ended
        continue
      }
      lastRefusal = `the device opens no further channel (${opening.message})`
      events.emit('crowded', { deviceId })
      if (now() - began + refusedChannelRetry > limits.sessionWait)
        return refused(linkFull(deviceId, entry.device.maxSessions, lastRefusal))
      // sshd frees a session some time after it closed the channel, so a refusal below the limit is worth another try.
      await delay(refusedChannelRetry, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    }
  }

  const reconnectTimeLeft = (entry: Entry, began: number): number => {
    const lost = entry.lastDetached?.at.getTime()
    if (lost === undefined || began - lost > limits.reconnectWindow) return 0
    return began + limits.reconnectWait - now()
  }

  const endpointOf = options.endpointOf ?? ((deviceId: string) => entries.get(deviceId)?.device.endpoint)
  const shown = ({ endpoint: _fixed, ...device }: Device): Device => {
    const endpoint = endpointOf(device.id)
    return endpoint === undefined ? device : { ...device, endpoint }
  }

  const statusOf = ({ device, attachment, lastDetached, lastRefusal }: Entry): DeviceStatus => ({
    ...shown(device),
    ...(attachment === undefined
      ? {}
      : {
          link: {
            ...described(attachment.link),
            attachedAt: new Date(attachment.attachedAt),
            sessions: attachment.admission?.slots.taken() ?? 0,
            queued: attachment.admission?.slots.queued() ?? 0,
          },
        }),
    ...(lastDetached === undefined ? {} : { lastDetached }),
    ...(lastRefusal === undefined ? {} : { lastRefusal }),
  })

  configure(options.devices, options.limits)
  return {
    events,
    device: async (id) => {
      const entry = entries.get(id)
      return entry === undefined ? undefined : statusOf(entry)
    },
    devices: async () => [...entries.values()].map(statusOf),
    add,
    attach,
    refuse: (refusal) => {
      const entry = refusal.deviceId === undefined ? undefined : entries.get(refusal.deviceId)
      if (entry !== undefined) entry.lastRefusal = { at: new Date(now()), refusal }
      events.emit('refused', refusal)
    },
    openSession,
    whenAttached,
    sessions: async () => register.list(),
    endSession: async (id, by) => register.kill(id, by),
    counts: async () => {
      const all = [...entries.values()]
      return {
        links: all.filter(({ attachment }) => attachment !== undefined).length,
        sessions: { ...register.live },
        waitingSessions: all.reduce(
          (sum, { attachment, waiting }) => sum + (waiting?.size ?? 0) + (attachment?.admission?.slots.queued() ?? 0),
          0,
        ),
        octets: { ...register.octets },
      }
    },
    configure,
    drain: async () => {
      draining = true
      for (const entry of entries.values()) wakeAll(entry)
      await register.empty()
    },
    close: () => {
      closed = true
      for (const entry of entries.values()) {
        entry.attachment?.link.end({ reason: 'shutdown', message: 'the bridge is stopping' })
        wakeAll(entry)
      }
    },
  }
}

function described({ deviceId, source, hostKeyFingerprint, software }: Link): AttachedLink {
  return { deviceId, source, hostKeyFingerprint, software }
}

const refused = (refusal: SessionRefusal): SessionOpening => ({ ok: false, refusal })
