import { describeStatus, type DeviceStatus } from './device-status.js'
import type { Elsewhere } from './elsewhere.js'
import type { DeviceEndpoint } from './endpoints/device-endpoint.js'
import { createFleetEmitter, type FleetEmitter } from './fleet-emitter.js'
import { type Attachment, type FleetEntry, mostLinks, newEntry } from './fleet-entry.js'
import type { Device } from './device.js'
import type { Fleet, FleetCounts } from './fleet.js'
import { type AdmissionBounds, createLinkAdmission, type LinkAdmission } from './link-admission.js'
import { createLinkPlaces, type LinkPlaces } from './link-places.js'
import { createLinkWaits } from './link-waits.js'
import type { LinkRefusal } from './refusals/call-home.js'
import { linkEnd } from './refusals/link-ends.js'
import type { PortLimits } from './open-port.js'
import { createSessionOpener } from './open-session.js'
import type { SessionClient } from './session-client.js'
import { createSessionRegister } from './session-register.js'

/** The fleet of this node: the links that were attached here, and the sessions on them. */
export interface LocalFleet extends Fleet, Pick<LinkPlaces, 'attach'> {
  /** Records and reports that a call-home connection was refused. The device's link, if any, stays. */
  readonly refuse: (refusal: LinkRefusal) => void
  /** Adds a device that was enrolled. A device that the fleet has already stays as it is. */
  readonly add: (device: Device) => void
  /** Has a device be what it is from now on, such as with other labels; unknown ones stay unknown. */
  readonly change: (device: Device) => void
  /** Applies a new configuration. A device that is still in it, and still proven, keeps its link and its sessions. */
  readonly configure: (devices: readonly Device[], limits: FleetLimits) => void
  /**
   * A device has a newer link at another node: ends those here. Those of a device that may have several stay, because
   * they would end each other wherever it calls two nodes.
   */
  readonly handOver: (deviceId: string, to: { readonly node?: string; readonly source?: string }) => 'ended' | 'kept'
  /**
   * Ends links that nobody uses, at most so many, so that their devices call other nodes; sessions at rest end from now
   * on. Says how many links are left.
   */
  readonly letLinksGo: (most: number) => number
  /**
   * Opens no more sessions but for clients of other nodes, and settles once the last one has ended. Links stay.
   */
  readonly drain: () => Promise<void>
  /** Ends every link. */
  readonly close: () => void
}

/** Bounds on what clients have and wait for; times in milliseconds. */
export interface FleetLimits extends PortLimits {
  readonly maxQueuedSessions: number
  readonly sessionWait: number
  readonly reconnectWait: number
  readonly reconnectWindow: number
  /**
   * How long a client waits at most, after a start of the bridge, for a device that was attached before that start. All
   * devices dial at once then, and the device may still be in the queue for its handshake.
   */
  readonly startWait: number
  /** How long a device with a periodic connection stays attached without a session or job. */
  readonly idleTimeout: number
  /** How long a link may take to answer a probe, when a newer link is about to replace it for the third time. */
  readonly replaceWait: number
  /**
   * How many channels a device may leave unanswered on one link. At this number, or at the device's number of sessions
   * where that is smaller, the bridge ends the link.
   */
  readonly maxLostChannels: number
}

export interface LocalFleetOptions {
  readonly devices: readonly Device[]
  readonly limits: FleetLimits
  readonly events?: FleetEmitter
  /** The port or address of a device's own. When absent, only those that the configuration fixes count. */
  readonly endpointOf?: (deviceId: string) => DeviceEndpoint | undefined
  /** The devices that were attached when the previous process of the bridge ended, and when it was last alive. */
  readonly before?: { readonly deviceIds: readonly string[]; readonly lastAlive?: Date }
  /** When a device was last attached or pending; undefined where that is not known. */
  readonly lastSeen?: (deviceId: string) => Promise<Date | undefined>
  /** Whether call-home connections still wait for their handshakes. */
  readonly crowdAtStart?: () => boolean
  /** Whether a job waits for the device. Clients that wait for it are counted elsewhere. */
  readonly hasWork?: (deviceId: string) => Promise<boolean>
  /** The other nodes of the cluster; absent for a bridge alone. */
  readonly elsewhere?: Elsewhere
  readonly now?: () => number
}

/** Longer than most functions, because it connects parts with a state each: places of links, waits, sessions. */
export function createLocalFleet(options: LocalFleetOptions): LocalFleet {
  const now = options.now ?? Date.now
  const events = options.events ?? createFleetEmitter()
  const entries = new Map<string, FleetEntry>()
  const register = createSessionRegister(events, now)
  const before = options.before ?? { deviceIds: [] }
  const lostAtStart = new Set(before.deviceIds)
  let limits = options.limits
  let state: 'open' | 'draining' | 'closed' = 'open'
  let stopEndingIdle: (() => void) | undefined
  const endIdleSessions = (): void => {
    stopEndingIdle ??= register.endIdle()
  }
  const { elsewhere } = options
  const find = (deviceId: string): FleetEntry | undefined => entries.get(deviceId)
  const serves = ({ node }: SessionClient): boolean => state === 'open' || (state === 'draining' && node !== undefined)

  const boundsOf = ({ maxSessions, ownMaxSessions, spareChannels }: Device): AdmissionBounds => ({
    maxSessions,
    ...(ownMaxSessions === undefined ? {} : { ownMaxSessions }),
    ...(spareChannels === undefined ? {} : { spareChannels }),
  })
  const admissionOf = (entry: FleetEntry, attachment: Attachment): LinkAdmission =>
    (attachment.admission ??= createLinkAdmission(attachment, boundsOf(entry.device), {
      awaited: () => (entry.queue?.length() ?? 0) > 0,
      freed: () => entry.queue?.admit(),
    }))
  const fillSpares = (entry: FleetEntry, attachment: Attachment): void => {
    if ((entry.device.spareChannels ?? 0) > 0) admissionOf(entry, attachment).spares.fill()
  }

  const refuse: LocalFleet['refuse'] = (refusal) => {
    const entry = refusal.deviceId === undefined ? undefined : find(refusal.deviceId)
    if (entry !== undefined) entry.lastRefusal = { at: new Date(now()), refusal }
    events.emit('refused', refusal)
  }

  const waits = createLinkWaits({
    find,
    limits: () => limits,
    state: () => state,
    start: {
      at: now(),
      lost: (deviceId) => lostAtStart.has(deviceId),
      lastSeen: async (deviceId) => (lostAtStart.has(deviceId) ? before.lastAlive : options.lastSeen?.(deviceId)),
      crowd: () => options.crowdAtStart?.() ?? false,
    },
    ...(elsewhere === undefined ? {} : { elsewhere }),
    now,
  })
  const places = createLinkPlaces({
    find,
    limits: () => limits,
    events,
    refuse,
    attached: (entry, attachment) => {
      lostAtStart.delete(entry.device.id)
      if (elsewhere !== undefined) attachment.provenAt = elsewhere.attached(attachment.link)
      waits.wake(entry)
      entry.queue?.admit()
      fillSpares(entry, attachment)
    },
    detached: ({ device: { id } }, end) => elsewhere?.detached(id, end),
    hasWork: async (deviceId) => (await options.hasWork?.(deviceId)) === true,
    now,
  })
  const opener = createSessionOpener({
    find,
    admissionOf,
    limits: () => limits,
    serves,
    waits,
    ...(elsewhere === undefined ? {} : { elsewhere }),
    events,
    register,
    now,
  })

  const add: LocalFleet['add'] = (device) => {
    if (!entries.has(device.id)) entries.set(device.id, newEntry(device))
  }

  const adapt = (entry: FleetEntry, device: Device): void => {
    const mayHave = mostLinks(entry)
    entry.device = device
    for (const attachment of entry.attachments) {
      if (attachment.admission === undefined) fillSpares(entry, attachment)
      else attachment.admission.adapt(boundsOf(device))
      const { link } = attachment
      if (!link.stillProven()) link.end(linkEnd('no-longer-proven'))
      else if (link.mayStayWeak?.() === false) link.end(linkEnd('algorithms-withdrawn', link.algorithms?.weak ?? []))
    }
    if (mostLinks(entry) > mayHave) entry.guard?.vacant()
  }

  const remove = (id: string, entry: FleetEntry): void => {
    for (const { link } of entry.attachments) link.end(linkEnd('removed'))
    entries.delete(id)
    entry.guard?.vacant()
    waits.wake(entry)
  }

  const configure: LocalFleet['configure'] = (devices, nextLimits) => {
    limits = nextLimits
    const kept = new Set(devices.map(({ id }) => id))
    for (const device of devices) {
      const entry = find(device.id)
      if (entry === undefined) add(device)
      else adapt(entry, device)
    }
    for (const [id, entry] of entries) if (!kept.has(id)) remove(id, entry)
  }

  const endpointOf = options.endpointOf ?? ((deviceId: string) => find(deviceId)?.device.endpoint)
  const statusOf = (entry: FleetEntry): DeviceStatus =>
    describeStatus(entry, {
      endpoint: endpointOf(entry.device.id),
      attachedBefore: lostAtStart.has(entry.device.id) ? before.lastAlive : undefined,
      node: entry.attachments.length > 0 ? undefined : elsewhere?.nodeOf(entry.device.id),
    })

  const counts = (): FleetCounts => {
    let attachedDevices = 0
    let links = 0
    let waitingSessions = 0
    let firstCertificateEnd = Number.POSITIVE_INFINITY
    const linkKeyExchanges = { 'post-quantum': 0, classical: 0 }
    for (const { attachments, waiting, queue } of entries.values()) {
      if (attachments.length > 0) attachedDevices += 1
      links += attachments.length
      for (const { link } of attachments) {
        if (link.keyExchange !== undefined)
          linkKeyExchanges[link.keyExchange.postQuantum ? 'post-quantum' : 'classical'] += 1
        if (link.certificateValidUntil !== undefined)
          firstCertificateEnd = Math.min(firstCertificateEnd, Date.parse(link.certificateValidUntil))
      }
      waitingSessions += (waiting?.size ?? 0) + (queue?.length() ?? 0)
    }
    return {
      attachedDevices,
      links,
      linkKeyExchanges,
      ...(Number.isFinite(firstCertificateEnd) ? { firstCertificateEnd } : {}),
      sessions: { ...register.live },
      waitingSessions,
      bytes: { ...register.bytes },
    }
  }

  configure(options.devices, options.limits)
  return {
    subscribe: events.subscribe,
    device: async (id) => {
      const entry = find(id)
      return entry === undefined ? undefined : statusOf(entry)
    },
    devices: async () => [...entries.values()].map(statusOf),
    openSession: opener.open,
    whenAttached: waits.whenAttached,
    sessions: async () => register.list(),
    endSession: async (id, by) => register.kill(id, by),
    disconnect: async (deviceId, by, number) => {
      const all = find(deviceId)?.attachments ?? []
      const ended = number === undefined ? all : all.filter((attachment) => attachment.number === number)
      for (const { link } of ended) link.end(linkEnd('disconnected', by))
      return ended.length > 0
    },
    counts: async () => counts(),
    attach: places.attach,
    handOver: (deviceId, { node, source }) => {
      const entry = find(deviceId)
      if (entry !== undefined && mostLinks(entry) > 1) return 'kept'
      const end = linkEnd('replaced', source, node === undefined ? 'another node' : `node ${node}`)
      for (const { link } of entry?.attachments ?? []) link.end(end)
      return 'ended'
    },
    refuse,
    add,
    change: (device) => {
      const entry = find(device.id)
      if (entry !== undefined) adapt(entry, device)
    },
    configure,
    letLinksGo: (most) => {
      endIdleSessions()
      let left = 0
      let ended = 0
      for (const { attachments, ports } of entries.values())
        for (const { link, admission } of attachments) {
          const sessions = (admission?.slots.taken() ?? 0) - (admission?.spares.ready() ?? 0)
          left += 1
          if (ended === most || sessions > 0 || (ports?.taken ?? 0) > 0) continue
          ended += 1
          link.end(linkEnd('draining'))
        }
      return left - ended
    },
    drain: async () => {
      state = 'draining'
      for (const entry of entries.values()) waits.wake(entry)
      endIdleSessions()
      await register.empty()
      stopEndingIdle?.()
    },
    close: () => {
      state = 'closed'
      places.close()
      stopEndingIdle?.()
      for (const entry of entries.values()) {
        for (const { link } of entry.attachments) link.end(linkEnd('shutdown'))
        entry.guard?.vacant()
        waits.wake(entry)
      }
    },
  }
}
