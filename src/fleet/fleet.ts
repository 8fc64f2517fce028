import { inBackground } from '../lib/background.js'
import { type Contest, createIdentityGuard, identityContested } from './contested-identity.js'
import type { DeviceEndpoint } from './endpoints/device-endpoint.js'
import { described, type DeviceStatus, type LinkStatus } from './device-status.js'
import { createFleetEmitter, type FleetEmitter } from './events.js'
import type { LinkRefusal } from './refusals/call-home.js'
import type { Attachment, FleetEntry } from './fleet-entry.js'
import type { HeldSession } from './held-session.js'
import { type AdmissionBounds, createLinkAdmission, type LinkAdmission } from './link-admission.js'
import { letGoWhenDone } from './let-go.js'
import { linkEnd } from './refusals/link-ends.js'
import type { ChannelLoss, ChannelRequest, DeviceChannel, Link, LinkEnd } from './link.js'
import type { LiveSession, CarriedBytes } from './live-session.js'
import { mostLostChannels, mostSessions } from './most-sessions.js'
import { createSessionOpener } from './open-session.js'
import type { SessionClient } from './session-client.js'
import type { SessionRefusal } from './session-refusal.js'
import { createSessionRegister, type SessionHandle } from './session-register.js'

/** A device as the configuration knows it. */
export interface Device {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly maxSessions: number
  /** Whether the file says so of this very device. */
  readonly ownMaxSessions?: boolean
  /** Channels that are kept ready on its link for the next clients; none by default. */
  readonly spareChannels?: number
  /** Calls from time to time, and is let go when its work is done. */
  readonly periodic?: boolean
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
  /** How long a client is held at most, after a start, for a device that was attached before, while its connection may wait among others. */
  readonly startWait: number
  /** How long a device that calls from time to time is kept without work. */
  readonly idleTimeout: number
  /** How long a link gets to answer that is to be replaced for the third time within a minute. */
  readonly replaceWait: number
  /** Channels that a device may leave unanswered on one link; so many, or as many as it has sessions, end it. */
  readonly maxLostChannels: number
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
  readonly bytes: CarriedBytes
}

/**
 * All devices that we know, with their links. The only way from a client to a device;
 * asynchronous throughout, because a link may be on another node.
 */
export interface Fleet {
  readonly events: FleetEmitter
  device(id: string): Promise<DeviceStatus | undefined>
  devices(): Promise<readonly DeviceStatus[]>
  /**
   * Takes a proven link; it replaces the device's older one at once (half-open connections are the commonest failure of call home), unless two
   * live ones replace each other again and again.
   * @param held the session that the bridge keeps open on it for itself
   */
  attach(link: Link, held?: HeldSession): void
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
  /** Ends a device's link, with its sessions; the device dials again. False when it has none. */
  disconnect(deviceId: string, by: string): Promise<boolean>
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

/** Milliseconds that the session that the bridge holds gets to take leave before its link is let go. */
const LEAVE_TIMEOUT = 2_000

export function createFleet(options: {
  readonly devices: readonly Device[]
  readonly limits: FleetLimits
  readonly events?: FleetEmitter
  /** Where a device is reached by itself; what the configuration fixes, when not given. */
  readonly endpointOf?: (deviceId: string) => DeviceEndpoint | undefined
  /** The devices that were attached when the process before this one ended, and when it was there last. */
  readonly before?: { readonly deviceIds: readonly string[]; readonly lastAlive?: Date }
  /** When a device was seen last, as far as that is known. */
  readonly lastSeen?: (deviceId: string) => Date | undefined
  /** Whether call-home connections still wait for their handshakes. */
  readonly crowdAtStart?: () => boolean
  /** Whether somebody has work for a device beside the clients that are here: a job that waits for it. */
  readonly hasWork?: (deviceId: string) => boolean
  readonly now?: () => number
}): Fleet {
  const now = options.now ?? Date.now
  const events = options.events ?? createFleetEmitter()
  const entries = new Map<string, FleetEntry>()
  const register = createSessionRegister(events, now)
  let limits = options.limits
  let closed = false
  let draining = false
  let stopEndingIdle = (): void => undefined
  const startedAt = now()
  const before = options.before ?? { deviceIds: [] }
  const lostAtStart = new Set(before.deviceIds)

  const boundsOf = ({ maxSessions, ownMaxSessions, spareChannels }: Device): AdmissionBounds => ({
    maxSessions,
    ...(ownMaxSessions === undefined ? {} : { ownMaxSessions }),
    ...(spareChannels === undefined ? {} : { spareChannels }),
    maxQueuedSessions: limits.maxQueuedSessions,
  })
  const admissionOf = (attachment: Attachment, device: Device): LinkAdmission =>
    (attachment.admission ??= createLinkAdmission(attachment.link, attachment.held, boundsOf(device)))

  const adapt = (attachment: Attachment, device: Device): void => {
    if (attachment.admission === undefined) return fillSpares(attachment, device)
    attachment.admission.adapt(boundsOf(device))
  }
  const fillSpares = (attachment: Attachment, device: Device): void => {
    if ((device.spareChannels ?? 0) > 0) admissionOf(attachment, device).spares.fill()
  }
  const wakeAll = ({ waiting }: FleetEntry): void => {
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
      if (entry.attachment?.link.stillProven() === false) entry.attachment.link.end(linkEnd('no-longer-proven'))
    }
    for (const [id, entry] of entries) {
      if (kept.has(id)) continue
      entry.attachment?.link.end(linkEnd('removed'))
      entries.delete(id)
      entry.guard?.vacant()
      wakeAll(entry)
    }
  }

  const add: Fleet['add'] = (device) => {
    if (!entries.has(device.id)) entries.set(device.id, { device })
  }

  /** Why a link has no place in the fleet, where it has none. */
  const unwanted = (link: Link, entry: FleetEntry | undefined): LinkEnd | undefined => {
    if (closed) return linkEnd('shutdown')
    if (entry === undefined) return linkEnd('removed')
    return link.stillProven() ? undefined : linkEnd('no-longer-proven')
  }
  const attach: Fleet['attach'] = (link, held) => {
    const entry = entries.get(link.deviceId)
    const end = unwanted(link, entry)
    if (end !== undefined || entry === undefined) return link.end(end ?? linkEnd('removed'))
    const old = entry.attachment
    if (old === undefined) return takeIn(entry, link, held)
    entry.guard ??= createIdentityGuard(() => limits.replaceWait, now)
    entry.guard.challenge(old.link, {
      link,
      // It may have waited for the answer of the older link, and things may have changed meanwhile.
      attach: () => (entry.attachment === old ? replace(entry, link, held) : attach(link, held)),
      reject: (contest) => rejectLink(link, contest),
    })
  }
  const replace = (entry: FleetEntry, link: Link, held: HeldSession | undefined): void => {
    const end = unwanted(link, entries.get(link.deviceId))
    if (end !== undefined) return link.end(end)
    takeIn(entry, link, held)
  }
  const rejectLink = (link: Link, contest: Contest): void => {
    const refusal = identityContested(link, contest)
    link.end(linkEnd('identity-contested', refusal.message))
    refuse(refusal)
    events.emit('contested', { deviceId: link.deviceId, ...contest })
  }

  const takeIn = (entry: FleetEntry, link: Link, held: HeldSession | undefined): void => {
    const old = entry.attachment
    const attachment: Attachment = { link, held, attachedAt: now() }
    entry.attachment = attachment
    delete entry.lastDetached
    lostAtStart.delete(link.deviceId)
    const detached = link.ended.then((end) => detach(entry, attachment, end))
    inBackground('fleet', detached)
    if (entry.device.periodic === true) letGoLater(entry, attachment)
    link.onChannelLost((loss) => channelLost(entry, link, loss))
    if (old === undefined) events.emit('attached', described(link))
    else {
      const sessions = old.admission?.slots.taken() ?? 0
      events.emit('replaced', { ...described(link), oldSource: old.link.source, sessions })
      old.admission?.close()
      old.link.end(linkEnd('replaced', link.source))
    }
    const most = mostSessions(entry.device, link.software)
    if (most < entry.device.maxSessions) events.emit('sessions-limited', { ...described(link), mostSessions: most })
    wakeAll(entry)
    fillSpares(attachment, entry.device)
  }

  const detach = (entry: FleetEntry, attachment: Attachment, end: LinkEnd): void => {
    attachment.admission?.close()
    if (entry.attachment !== attachment) return
    delete entry.attachment
    entry.lastDetached = { at: new Date(now()), end }
    events.emit('detached', { ...described(attachment.link), end })
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
      hasWork: () => options.hasWork?.(id) === true,
      idleTimeout: () => limits.idleTimeout,
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
    events.emit('channel-lost', { ...described(link), loss, lost })
    if (lost < mostLostChannels(device, limits.maxLostChannels, link.software)) return
    // Whether a device that says nothing at all is there is for the keepalive to judge, which knows for whom it may be busy.
    if (link.mayBeBusy?.() !== true) link.end(linkEnd('channels-unanswered', lost))
  }

  const opener = createSessionOpener({
    find: (deviceId) => entries.get(deviceId),
    admissionOf,
    limits: () => limits,
    state: () => (closed ? 'closed' : draining ? 'draining' : 'open'),
    start: {
      at: startedAt,
      lost: (deviceId) => lostAtStart.has(deviceId),
      lastSeen: (deviceId) => (lostAtStart.has(deviceId) ? before.lastAlive : options.lastSeen?.(deviceId)),
      crowd: () => options.crowdAtStart?.() ?? false,
    },
    events,
    register,
    now,
  })

  const endpointOf = options.endpointOf ?? ((deviceId: string) => entries.get(deviceId)?.device.endpoint)
  const shown = ({ endpoint: _fixed, ...device }: Device): Device => {
    const endpoint = endpointOf(device.id)
    return endpoint === undefined ? device : { ...device, endpoint }
  }

  const statusOf = ({ device, attachment, guard, lastDetached, lastRefusal }: FleetEntry): DeviceStatus => {
    const contest = guard?.contest()
    return {
      ...shown(device),
      ...(attachment === undefined ? {} : { link: linkStatus(attachment, device) }),
      ...(contest === undefined ? {} : { contest }),
      ...(lastDetached === undefined ? {} : { lastDetached }),
      ...(lastRefusal === undefined ? {} : { lastRefusal }),
    }
  }

  const refuse: Fleet['refuse'] = (refusal) => {
    const entry = refusal.deviceId === undefined ? undefined : entries.get(refusal.deviceId)
    if (entry !== undefined) entry.lastRefusal = { at: new Date(now()), refusal }
    events.emit('refused', refusal)
  }

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
    refuse,
    openSession: opener.open,
    whenAttached: opener.whenAttached,
    sessions: async () => register.list(),
    endSession: async (id, by) => register.kill(id, by),
    disconnect: async (deviceId, by) => {
      const link = entries.get(deviceId)?.attachment?.link
      link?.end(linkEnd('disconnected', by))
      return link !== undefined
    },
    counts: async () => {
      const all = [...entries.values()]
      return {
        links: all.filter(({ attachment }) => attachment !== undefined).length,
        sessions: { ...register.live },
        waitingSessions: all.reduce(
          (sum, { attachment, waiting }) => sum + (waiting?.size ?? 0) + (attachment?.admission?.slots.queued() ?? 0),
          0,
        ),
        bytes: { ...register.bytes },
      }
    },
    configure,
    drain: async () => {
      draining = true
      for (const entry of entries.values()) wakeAll(entry)
      stopEndingIdle = register.endIdle()
      await register.empty()
      stopEndingIdle()
    },
    close: () => {
      closed = true
      stopEndingIdle()
      for (const entry of entries.values()) {
        entry.attachment?.link.end(linkEnd('shutdown'))
        entry.guard?.vacant()
        wakeAll(entry)
      }
    },
  }
}

function linkStatus({ link, held, attachedAt, admission }: Attachment, device: Device): LinkStatus {
  return {
    ...described(link),
    attachedAt: new Date(attachedAt),
    sessions: admission?.slots.taken() ?? 0,
    queued: admission?.slots.queued() ?? 0,
    mostSessions: mostSessions(device, link.software),
    lostChannels: link.lostChannels(),
    ...(held === undefined ? {} : { heldSession: held.view() }),
  }
}
