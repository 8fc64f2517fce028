import { inBackground } from '../../lib/background.js'
import { onAbort } from '../../lib/on-abort.js'
import { createRateLimit } from '../../lib/rate-limit.js'
import type { Enrolment } from '../../store/enrolment.js'
import type { Store, StoreFailure } from '../../store/store.js'
import type { Evidence } from '../../trust/evidence.js'
import type { KnownDevice } from '../../trust/known-device.js'
import { createKnownDevices, type KnownDevices, type MutableKnownDevices } from '../../trust/known-devices.js'
import { pinOf, keyFingerprint } from '../../trust/ssh/key-fingerprint.js'
import { isOverloadRefusal, type LinkRefusal } from '../refusals/call-home.js'
import {
  type ConfiguredDevice,
  secretMarkOf,
  standingOf,
  storedDevice,
  viewOf,
  withoutCall,
  withoutEntry,
  withStored,
} from './enrolled-device.js'
import type { EnrolmentChange, Enrolments, EnrolmentView, Standing } from './enrolment.js'
import { createEnrolmentDecisions, refuseChange } from './enrolment-decisions.js'
import type { FleetEmitter } from '../fleet-emitter.js'
import type { Device } from '../device.js'
import { createPresentedKeys } from './presented-keys.js'
import { createWriteBehind, type EnrolmentEdit } from './write-behind.js'
import { createPendingRoom, type PendingBounds } from './pending-room.js'

export interface EnrolmentLimits extends PendingBounds {
  /** Milliseconds that a pending device's connection is held for a decision. */
  readonly pendingTimeout: number
}

export interface PendingCall {
  readonly deviceId: string
  readonly key: Buffer
  readonly source: string
}

/** `decided`: judge again, something has changed. The others end the connection. */
export type PendingOutcome = 'decided' | 'timeout' | 'too-many-pending' | 'another-key-pending' | 'given-up'

/** Where devices are enrolled: what the configuration says of them, and what was decided and seen, in the store. */
export interface EnrolmentService extends Enrolments {
  /** What can prove each device; read for every call. */
  readonly known: () => KnownDevices
  /** The devices that clients may reach. */
  devices(): readonly Device[]
  /** Whether clients may reach this device id, attached or not. */
  expects(deviceId: string): boolean
  /** When a device was seen last before this process, or was last pending. */
  lastSeen(deviceId: string): Date | undefined
  /** The device ids that were attached before this process began, and where they came from. */
  seenBefore(): readonly Pick<Enrolment, 'deviceId' | 'addresses'>[]
  /** How many device ids there are of each standing; from memory alone, for metrics. */
  countByStanding(): Readonly<Record<Standing, number>>
  /** The name of the credentials that a device was enrolled with, where one was given. */
  credentialsOf(deviceId: string): string | undefined
  /** Who let a device in by what its host key is trusted for, where that one may give away the passwords of some credentials profiles only. */
  limitOf(
    deviceId: string,
    because: Evidence,
  ): { readonly by: string; readonly profiles: readonly string[] } | undefined
  configure(configured: readonly ConfiguredDevice[], limits: EnrolmentLimits, defaultMaxSessions: number): void
  /** Enrols a device as pending, and holds its connection until somebody decides, for a bounded time. */
  holdPending(call: PendingCall, signal: AbortSignal): Promise<PendingOutcome>
  /** Binds a device id to a key that its HMAC, a certificate or the first-use policy vouched for. */
  bind(deviceId: string, key: Buffer, how: 'hmac' | 'first-use'): Promise<void>
  /** Enrols a device that a certificate vouched for and that nobody had heard of. */
  admit(deviceId: string, how: 'certificate'): Promise<void>
  /** Notes a device that attached. */
  seen(deviceId: string, source: string): void
  /** Notes a refused call, and the key that it presented where that is another than the pinned one; one of a crowd is only counted. */
  refused(refusal: LinkRefusal, presented?: Buffer): void
}

/** Milliseconds between two writes of a device's last refusal: a stranger may call ten times a second. */
const refusalInterval = 10_000
/** The same of all devices together: a stranger may claim every device that there is. */
const refusalWrites = { each: 200, all: 200, interval: refusalInterval }

export async function createEnrolmentService(options: {
  readonly store: Store
  readonly events: FleetEmitter
  readonly configured: readonly ConfiguredDevice[]
  readonly limits: EnrolmentLimits
  readonly defaultMaxSessions: number
  /** A device was enrolled that clients may reach from now on. */
  readonly added: (device: Device) => void
  /** Devices were turned away, or what proves them has changed. */
  readonly changed: () => void
  /** Somebody had all that is stored of a device forgotten; told before `changed`. */
  readonly forgotten?: (deviceId: string) => void
  /** Entries have left the configuration file, and what the store held of these devices is gone with them. */
  readonly left: (deviceIds: readonly string[]) => void
  /** Something could not be written; the bridge goes on with what it has. */
  readonly onStoreProblem: (failure: StoreFailure, deviceId: string) => void
  readonly now?: () => number
}): Promise<EnrolmentService> {
  const { store, events, added, changed, left, onStoreProblem } = options
  const now = (): Date => new Date((options.now ?? Date.now)())
  let configured = new Map(options.configured.map((device) => [device.id, device]))
  let { limits, defaultMaxSessions } = options
  const stored = new Map((await store.enrolments.list()).map((enrolment) => [enrolment.deviceId, enrolment]))
  const waiting = new Map<string, (outcome: PendingOutcome) => void>()
  const room = createPendingRoom(() => limits)
  const noteStanding = (deviceId: string, enrolment: Enrolment | undefined): void => {
    if (enrolment?.standing !== 'pending') return room.forget(deviceId)
    const seen = enrolment.lastSeen ?? enrolment.firstSeen ?? now()
    room.note(deviceId, bare(enrolment.addresses[0] ?? ''), seen.getTime())
  }
  for (const enrolment of [...stored.values()].toSorted(byLastSeen)) noteStanding(enrolment.deviceId, enrolment)
  const presentedKeys = createPresentedKeys()
  const refusalsWritten = new Map<string, number>()
  const refusalMayBeWritten = createRateLimit(refusalWrites, () => now().getTime())
  const refusalCounts = new Map<string, Record<string, number>>()

  const knownOf = (deviceId: string): KnownDevice | undefined => {
    const [device, enrolment] = [configured.get(deviceId), stored.get(deviceId)]
    if (device !== undefined) return withStored(device, enrolment)
    return enrolment === undefined ? undefined : storedDevice(enrolment)
  }
  const knownNow = (): MutableKnownDevices =>
    createKnownDevices(
      [...new Set([...configured.keys(), ...stored.keys()])].flatMap((deviceId) => knownOf(deviceId) ?? []),
    )
  let known = createKnownDevices()

  /** What is in memory counts: it stays right when the disk is full. Gives the change that is to be written. */
  const change = (deviceId: string, edit: EnrolmentEdit): EnrolmentEdit => {
    const inFile = configured.has(deviceId)
    const changed = (current: Enrolment): Enrolment | undefined => {
      const next = edit(current)
      return next === undefined || !inFile ? next : { ...next, configured: true }
    }
    const next = changed(stored.get(deviceId) ?? blank(deviceId))
    if (next === undefined) stored.delete(deviceId)
    else stored.set(deviceId, next)
    noteStanding(deviceId, next)
    const device = knownOf(deviceId)
    if (device === undefined) known.delete(deviceId)
    else known.set(device)
    return changed
  }
  const write = async (deviceId: string, edit: EnrolmentEdit): Promise<boolean> => {
    const result = await store.enrolments.update(deviceId, (current) => edit(current ?? blank(deviceId)))
    if (!result.ok) onStoreProblem(result.failure, deviceId)
    return result.ok
  }
  const behind = createWriteBehind(write, (work) => inBackground('store', work))
  const update = (deviceId: string, edit: EnrolmentEdit): Promise<boolean> => {
    const changed = change(deviceId, edit)
    inBackground('store', behind.first(deviceId))
    return write(deviceId, changed)
  }
  /** Updates without waiting for the disk: what is in memory counts. */
  const note = (...change: Parameters<typeof update>): void => inBackground('store', update(...change))
  /** Ties enrolments to the file's entries: those of an entry that has left go with it, those of one that came belong to it from now on. */
  const followFile = (): void => {
    const gone = [...stored.values()].filter((enrolment) => enrolment.configured && !configured.has(enrolment.deviceId))
    const entered = [...stored.values()].filter(
      (enrolment) => !enrolment.configured && configured.has(enrolment.deviceId),
    )
    const unchanged: EnrolmentEdit = (enrolment) => enrolment
    behind.add(
      new Map([
        ...gone.map(({ deviceId }) => [deviceId, change(deviceId, withoutEntry)] as const),
        ...entered.map(({ deviceId }) => [deviceId, change(deviceId, unchanged)] as const),
      ]),
    )
    known = knownNow()
    if (gone.length > 0) left(gone.map(({ deviceId }) => deviceId))
  }
  followFile()
  const admitted = (deviceId: string): void => {
    const enrolment = stored.get(deviceId)
    if (enrolment !== undefined && !configured.has(deviceId)) added(reachable(enrolment))
    waiting.get(deviceId)?.('decided')
  }
  const reachable = ({ deviceId, labels }: Enrolment): Device => ({
    id: deviceId,
    labels,
    maxSessions: defaultMaxSessions,
  })
  const decided = (deviceId: string): void => {
    changed()
    waiting.get(deviceId)?.('decided')
  }

  const forgetExpired = (): void => {
    for (const deviceId of room.expire(now().getTime())) note(deviceId, withoutCall)
  }
  const giveWay = (deviceId: string): void => {
    note(deviceId, withoutCall)
    waiting.get(deviceId)?.('too-many-pending')
  }

  const holdPending: EnrolmentService['holdPending'] = async ({ deviceId, key, source }, signal) => {
    const address = addressOf(source)
    const current = stored.get(deviceId)
    const pin = pinOf(key)
    if (current?.standing === 'pending' && current.presented !== undefined && !current.presented.blob.equals(pin.blob))
      return 'another-key-pending'
    if (current?.standing !== 'pending') {
      forgetExpired()
      const entrance = room.mayEnter(bare(address), now().getTime())
      if (!entrance.ok) return 'too-many-pending'
      if (entrance.instead !== undefined) giveWay(entrance.instead)
      // Not waited for: what is in memory counts, and a second connection may be here before the disk is.
      note(deviceId, (enrolment) => ({
        ...enrolment,
        standing: 'pending',
        presented: { ...pin, addedAt: now(), by: source },
        firstSeen: enrolment.firstSeen ?? now(),
        lastSeen: now(),
        addresses: [address],
      }))
    } else {
      store.enrolments.touch(deviceId, { at: now(), address })
      room.note(deviceId, bare(address), now().getTime())
    }
    events.emit('pending', { deviceId, source, hostKeyFingerprint: keyFingerprint(key).fingerprint })
    // One connection is held for an id: the newest, because the older one may be half-open.
    waiting.get(deviceId)?.('given-up')
    return new Promise((resolve) => {
      const settle = (outcome: PendingOutcome): void => {
        clearTimeout(timer)
        stopListening()
        if (waiting.get(deviceId) === settle) waiting.delete(deviceId)
        resolve(outcome)
      }
      const giveUp = (): void => settle('given-up')
      const timer = setTimeout(() => settle('timeout'), limits.pendingTimeout)
      waiting.set(deviceId, settle)
      let stopListening = (): void => undefined
      stopListening = onAbort(signal, giveUp)
    })
  }

  const changeOf = async (deviceId: string, written: boolean): Promise<EnrolmentChange> =>
    written
      ? { ok: true, enrolment: await get(deviceId) }
      : refuseChange(
          'not-written',
          `what was decided on ${JSON.stringify(deviceId)} holds until the bridge stops, but could not be written`,
          'look at the log and at the disk of data-dir, then decide again',
        )

  const shown = (deviceId: string, enrolment: Enrolment | undefined): EnrolmentView => {
    const refusals = refusalCounts.get(deviceId)
    return { ...viewOf(deviceId, configured.get(deviceId), enrolment), ...(refusals === undefined ? {} : { refusals }) }
  }

  const get: Enrolments['get'] = async (deviceId) => {
    const inStore = behind.awaits(deviceId) ? undefined : await store.enrolments.get(deviceId).catch(() => undefined)
    const current = inStore ?? stored.get(deviceId)
    const device = configured.get(deviceId)
    return current === undefined && device === undefined ? undefined : shown(deviceId, current)
  }

  const decisions = createEnrolmentDecisions({
    enrolmentOf: (deviceId) => stored.get(deviceId),
    entryOf: (deviceId) => configured.get(deviceId),
    presentedKeys,
    update,
    answer: changeOf,
    told: (deviceId, standing, by) => events.emit('decided', { deviceId, standing, by }),
    admitted,
    decided,
    forgotten: (deviceId) => {
      refusalsWritten.delete(deviceId)
      refusalCounts.delete(deviceId)
      options.forgotten?.(deviceId)
    },
    now,
  })

  return {
    known: () => known,
    devices: () => [
      ...configured.values(),
      ...[...stored.values()]
        .filter(({ deviceId, standing }) => standing === 'approved' && !configured.has(deviceId))
        .map(reachable),
    ],
    expects: (deviceId) => configured.has(deviceId) || stored.get(deviceId)?.standing === 'approved',
    lastSeen: (deviceId) => stored.get(deviceId)?.lastSeen,
    seenBefore: () =>
      [...stored.values()].filter(({ standing, lastSeen }) => standing === 'approved' && lastSeen !== undefined),
    countByStanding: () => {
      const counts = { configured: 0, approved: 0, pending: 0, rejected: 0 }
      for (const device of configured.values()) counts[standingOf(device, stored.get(device.id))] += 1
      for (const { deviceId, standing } of stored.values()) if (!configured.has(deviceId)) counts[standing] += 1
      return counts
    },
    credentialsOf: (deviceId) => stored.get(deviceId)?.credentials,
    limitOf: (deviceId, because) => {
      const { by, profiles } = stored.get(deviceId)?.decision ?? {}
      if (by === undefined || profiles === undefined) return undefined
      const device = configured.get(deviceId)
      // What the files say of a device nobody else has decided.
      const byFile =
        because === 'certificate' ||
        because === 'known-hosts' ||
        (because === 'pin' && (device?.pins.length ?? 0) > 0) ||
        (because === 'hmac' && device?.secret !== undefined)
      return byFile ? undefined : { by, profiles }
    },
    configure: (nextConfigured, nextLimits, nextMaxSessions) => {
      configured = new Map(nextConfigured.map((device) => [device.id, device]))
      limits = nextLimits
      defaultMaxSessions = nextMaxSessions
      followFile()
      changed()
      for (const settle of waiting.values()) settle('decided')
    },
    holdPending,
    bind: async (deviceId, key, how) => {
      const secret = known.byId(deviceId)?.secret
      const { type, blob } = pinOf(key)
      const marked = how === 'hmac' && secret !== undefined ? { secretMark: secretMarkOf(secret, blob) } : {}
      const pin = { type, blob, by: how, addedAt: now(), ...marked }
      await update(deviceId, (enrolment) => ({
        ...enrolment,
        // Who was rejected is so again once the file does not vouch for it any more.
        standing: enrolment.standing === 'rejected' ? 'rejected' : 'approved',
        pins: [pin],
        decision: enrolment.decision ?? { by: how, at: now(), how },
      }))
      admitted(deviceId)
    },
    admit: async (deviceId, how) => {
      if (configured.has(deviceId) || stored.get(deviceId)?.standing === 'approved') return
      await update(deviceId, (enrolment) => ({
        ...enrolment,
        standing: 'approved',
        decision: { by: how, at: now(), how },
      }))
      admitted(deviceId)
    },
    seen: (deviceId, source) => {
      if (stored.has(deviceId)) store.enrolments.touch(deviceId, { at: now(), address: addressOf(source) })
    },
    refused: (refusal, presented) => {
      const { deviceId, reason, message, source } = refusal
      if (deviceId === undefined || !(stored.has(deviceId) || configured.has(deviceId))) return
      const counts = refusalCounts.get(deviceId) ?? {}
      refusalCounts.set(deviceId, { ...counts, [reason]: (counts[reason] ?? 0) + 1 })
      const showsAnother = reason === 'host-key-not-pinned' || reason === 'another-key-pending'
      if (showsAnother && presented !== undefined)
        presentedKeys.note(deviceId, { ...pinOf(presented), addedAt: now(), by: source })
      if (isOverloadRefusal(refusal)) return
      const due = (refusalsWritten.get(deviceId) ?? 0) + refusalInterval <= now().getTime()
      if (!due || refusalMayBeWritten('refusal', deviceId) === undefined) return
      refusalsWritten.set(deviceId, now().getTime())
      const changedKey = reason === 'host-key-not-pinned' && presented !== undefined
      note(deviceId, (enrolment) => ({
        ...enrolment,
        ...(changedKey ? { presented: { ...pinOf(presented), addedAt: now(), by: source } } : {}),
        lastRefusal: { reason, message, source, at: now() },
      }))
    },
    list: async () => {
      forgetExpired()
      const fromStore = await store.enrolments.list().catch(() => [...stored.values()])
      const written = fromStore.filter(({ deviceId }) => !behind.awaits(deviceId))
      const unwritten = [...stored.values()].filter(({ deviceId }) => behind.awaits(deviceId))
      const current = new Map([...written, ...unwritten].map((enrolment) => [enrolment.deviceId, enrolment]))
      const ids = new Set([...configured.keys(), ...current.keys()])
      return [...ids].toSorted().map((id) => shown(id, current.get(id)))
    },
    get,
    ...decisions,
  }
}

function blank(deviceId: string): Enrolment {
  return { deviceId, standing: 'approved', pins: [], addresses: [], labels: {} }
}

function byLastSeen({ lastSeen: one }: Enrolment, { lastSeen: other }: Enrolment): number {
  return (one?.getTime() ?? 0) - (other?.getTime() ?? 0)
}

/** An address without the brackets that an IPv6 one has in front of a port. */
function bare(address: string): string {
  return address.replace(/^\[(.*)\]$/, '$1')
}

/** The address of `address:port`. */
function addressOf(source: string): string {
  return source.replace(/:\d+$/, '')
}
