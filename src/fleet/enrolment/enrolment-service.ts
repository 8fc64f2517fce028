import { isDeepStrictEqual } from 'node:util'
import { type Enrolment, withLastSeen } from '../../store/enrolment.js'
import type { Store, StoreFailure } from '../../store/store.js'
import type { Evidence } from '../../trust/evidence.js'
import type { KnownDevices } from '../../trust/known-devices.js'
import { keyFingerprint, pinOf } from '../../trust/ssh/key-fingerprint.js'
import type { Device } from '../device.js'
import type { FleetEmitter } from '../fleet-emitter.js'
import type { LinkRefusal } from '../refusals/call-home.js'
import { type ConfiguredDevice, withoutCall } from './enrolled-device.js'
import type { EnrolmentChange, Enrolments, Standing } from './enrolment.js'
import { createEnrolmentDecisions, refuseChange } from './enrolment-decisions.js'
import { type ChangedEnrolment, createEnrolmentMemory } from './enrolment-memory.js'
import { createEnrolmentViews } from './enrolment-views.js'
import { createPendingConnections, type PendingOutcome } from './pending-connections.js'
import { createPendingRoom, type PendingBounds } from './pending-room.js'
import { createPresentedKeys } from './presented-keys.js'
import { createProofs, type Proofs } from './proofs.js'
import { createRefusalNotes } from './refusal-notes.js'

export interface EnrolmentLimits extends PendingBounds {
  /** Milliseconds that a pending device's connection is held for a decision. */
  readonly pendingTimeout: number
}

/** What a device gets that the configuration file does not name. */
export interface LinkBounds extends Pick<Device, 'maxSessions' | 'maxConnections'> {}

export interface PendingCall {
  readonly deviceId: string
  readonly key: Buffer
  readonly source: string
}

/** Enrols devices. It joins the configuration file with the decisions and sightings that are in the store. */
export interface EnrolmentService extends Enrolments, Proofs {
  /** The keys, certificates and secrets that prove each device. Every call-home connection reads them. */
  readonly known: () => KnownDevices
  /** The devices that clients may reach. */
  readonly devices: () => readonly Device[]
  /** Whether clients may reach this device id, attached or not. */
  readonly expects: (deviceId: string) => boolean
  /** When a device was seen last: attached, or pending. */
  readonly lastSeen: (deviceId: string) => Date | undefined
  /** The device ids that were attached before this process began, and where they came from. */
  readonly seenBefore: () => readonly Pick<Enrolment, 'deviceId' | 'addresses'>[]
  /** How many device ids there are of each standing; from memory alone, for metrics. */
  readonly countByStanding: () => Readonly<Record<Standing, number>>
  /** The name of the credentials that a device was enrolled with, where one was given. */
  readonly credentialsOf: (deviceId: string) => string | undefined
  /**
   * Who let a device in by what its host key is trusted for, where that one may give away the passwords of some
   * credentials profiles only.
   */
  readonly limitOf: (
    deviceId: string,
    because: Evidence,
  ) => { readonly by: string; readonly profiles: readonly string[] } | undefined
  readonly configure: (configured: readonly ConfiguredDevice[], limits: EnrolmentLimits, linkBounds: LinkBounds) => void
  /** Enrols a device as pending, and holds its connection until somebody decides, for a bounded time. */
  readonly holdPending: (call: PendingCall, signal: AbortSignal) => Promise<PendingOutcome>
  /** Records that a device has attached, or that its link has ended. */
  readonly seen: (deviceId: string, source: string) => void
  /**
   * Records a refused call, and the key that the device presented where that is not the pinned one. A call that was
   * refused because of overload is only counted.
   */
  readonly refused: (refusal: LinkRefusal, presented?: Buffer) => void
}

export interface EnrolmentServiceOptions {
  readonly store: Pick<Store, 'enrolments'>
  readonly events: FleetEmitter
  readonly configured: readonly ConfiguredDevice[]
  readonly limits: EnrolmentLimits
  readonly linkBounds: LinkBounds
  /** A device was enrolled that clients may reach from now on. */
  readonly added: (device: Device) => void
  /** The fleet’s device has other labels from now on. */
  readonly relabelled: (device: Device) => void
  /** Devices were turned away, or what proves them has changed. */
  readonly changed: () => void
  /** Somebody has all that is stored of a device forgotten; told before `changed`. */
  readonly forgotten?: (deviceId: string) => void
  /** Entries have left the configuration file, and what the store held of these devices is gone with them. */
  readonly left: (deviceIds: readonly string[]) => void
  /** Something could not be written; the bridge goes on with what it has. */
  readonly onStoreProblem: (failure: StoreFailure, deviceId: string) => void
  readonly now?: () => number
}

/** Longer than most, because it ties parts that have a state each: memory, held connections, room, refusals. */
export async function createEnrolmentService(options: EnrolmentServiceOptions): Promise<EnrolmentService> {
  const { store, events, added, relabelled, changed, left, onStoreProblem } = options
  const now = (): Date => new Date((options.now ?? Date.now)())
  let { limits, linkBounds } = options
  const room = createPendingRoom(() => limits)
  const pending = createPendingConnections(() => limits.pendingTimeout)
  const presentedKeys = createPresentedKeys()
  const refusals = createRefusalNotes(() => now().getTime())
  const reachable = ({ deviceId, labels }: Enrolment): Device => ({
    id: deviceId,
    labels,
    ...linkBounds,
  })
  /** What a change means for the fleet and for the connection that waits, whichever node made it. */
  const follow = ({ deviceId, before, now: after, inFile }: ChangedEnrolment): void => {
    const effect = effectOf(before, after)
    if (effect === 'admitted' && after !== undefined && !inFile) added(reachable(after))
    if (after?.standing === 'approved' && !inFile && areOthers(before?.labels, after.labels))
      relabelled(reachable(after))
    if (effect === 'narrowed') changed()
    if (effect !== 'none') pending.settle(deviceId, 'decided')
  }
  const memory = await createEnrolmentMemory({
    store,
    entries: options.configured,
    noted: (deviceId, enrolment) => {
      if (enrolment?.standing !== 'pending') return room.forget(deviceId)
      const seen = enrolment.lastSeen ?? enrolment.firstSeen ?? now()
      room.note(deviceId, bare(enrolment.addresses[0] ?? ''), seen.getTime())
    },
    settled: follow,
    left,
    onStoreProblem,
  })
  const { entryOf, update, note } = memory

  const forgetExpired = (): void => {
    for (const deviceId of room.expire(now().getTime())) note(deviceId, withoutCall)
  }
  const giveWay = (deviceId: string): void => {
    note(deviceId, withoutCall)
    pending.settle(deviceId, 'too-many-pending')
  }

  const holdPending: EnrolmentService['holdPending'] = async ({ deviceId, key, source }, signal) => {
    const address = addressOf(source)
    const current = memory.of(deviceId)
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
      memory.seen(deviceId, { at: now(), address })
      room.note(deviceId, bare(address), now().getTime())
    }
    events.emit('pending', { deviceId, source, hostKeyFingerprint: keyFingerprint(key).fingerprint })
    return pending.hold(deviceId, signal)
  }

  const refused: EnrolmentService['refused'] = (refusal, presented) => {
    const { deviceId, reason, message, hint, source } = refusal
    if (deviceId === undefined) return
    if (memory.of(deviceId) === undefined && entryOf(deviceId) === undefined) return
    const showsAnother = reason === 'host-key-not-pinned' || reason === 'another-key-pending'
    if (showsAnother && presented !== undefined)
      presentedKeys.note(deviceId, { ...pinOf(presented), addedAt: now(), by: source })
    if (!refusals.count(deviceId, refusal)) return
    const changedKey = reason === 'host-key-not-pinned' && presented !== undefined
    note(deviceId, (enrolment) => ({
      ...enrolment,
      ...(changedKey ? { presented: { ...pinOf(presented), addedAt: now(), by: source } } : {}),
      lastRefusal: { reason, message, hint, source, at: now() },
    }))
  }

  const seen: EnrolmentService['seen'] = (deviceId, source) => {
    const found = { at: now(), address: addressOf(source) }
    if (memory.of(deviceId) !== undefined) memory.seen(deviceId, found)
    // Of a device that its entry in the file proves, nothing was stored before it came.
    else if (entryOf(deviceId) !== undefined) note(deviceId, (enrolment) => withLastSeen(enrolment, found))
  }

  const views = createEnrolmentViews(memory, refusals)
  const answer = async (deviceId: string, written: boolean): Promise<EnrolmentChange> =>
    written ? { ok: true, enrolment: await views.get(deviceId) } : notWritten(deviceId)

  const decisions = createEnrolmentDecisions({
    enrolmentOf: memory.of,
    entryOf,
    presentedKeys,
    update,
    answer,
    told: (deviceId, standing, by) => events.emit('decided', { deviceId, standing, by }),
    labelled: (event) => events.emit('labelled', event),
    forgotten: (deviceId) => {
      refusals.forget(deviceId)
      options.forgotten?.(deviceId)
    },
    now,
  })

  return {
    known: memory.known,
    devices: () => [
      ...memory.entries(),
      ...memory
        .all()
        .filter(({ deviceId, standing }) => standing === 'approved' && entryOf(deviceId) === undefined)
        .map(reachable),
    ],
    expects: (deviceId) => entryOf(deviceId) !== undefined || memory.of(deviceId)?.standing === 'approved',
    lastSeen: (deviceId) => memory.of(deviceId)?.lastSeen,
    seenBefore: () =>
      memory.all().filter(({ standing, lastSeen }) => standing === 'approved' && lastSeen !== undefined),
    credentialsOf: (deviceId) => memory.of(deviceId)?.credentials,
    limitOf: (deviceId, because) => {
      const { by, profiles } = memory.of(deviceId)?.decision ?? {}
      if (by === undefined || profiles === undefined) return undefined
      return isDecidedByFile(entryOf(deviceId), because) ? undefined : { by, profiles }
    },
    configure: (nextConfigured, nextLimits, nextBounds) => {
      limits = nextLimits
      linkBounds = nextBounds
      memory.follow(nextConfigured)
      changed()
      pending.settleAll('decided')
    },
    holdPending,
    ...createProofs(memory, events, now),
    seen,
    refused,
    ...views,
    list: (deviceIds) => {
      forgetExpired()
      return views.list(deviceIds)
    },
    outlines: () => {
      forgetExpired()
      return views.outlines()
    },
    ...decisions,
  }
}

/**
 * The effect of a changed enrolment on its device. `admitted`: clients may reach the device. `narrowed`: less vouches
 * for the device than before, so its link is judged again. `let-go`: the device no longer waits for a decision. In all
 * three cases a connection of the device that waits is judged again.
 */
function effectOf(
  before: Enrolment | undefined,
  after: Enrolment | undefined,
): 'admitted' | 'narrowed' | 'let-go' | 'none' {
  if (after?.standing === 'approved' && before?.standing !== 'approved') return 'admitted'
  const isGone = before !== undefined && before.standing !== 'pending' && after === undefined
  if (isGone || isDecidedAnew(before, after)) return 'narrowed'
  return before?.standing === 'pending' && after?.standing !== 'pending' ? 'let-go' : 'none'
}

function areOthers(before: Enrolment['labels'] | undefined, after: Enrolment['labels']): boolean {
  return before !== undefined && before !== after && !isDeepStrictEqual(before, after)
}

/** Whether an operator has decided on the device meanwhile. */
function isDecidedAnew(before: Enrolment | undefined, after: Enrolment | undefined): boolean {
  if (after?.decision?.how !== 'operator') return false
  return before?.decision?.by !== after.decision.by || before.decision.at.getTime() !== after.decision.at.getTime()
}

/** What the files say of a device nobody else has decided. */
function isDecidedByFile(entry: ConfiguredDevice | undefined, because: Evidence): boolean {
  return (
    because === 'certificate' ||
    because === 'known-hosts' ||
    (because === 'pin' && (entry?.pins.length ?? 0) > 0) ||
    (because === 'hmac' && entry?.secret !== undefined)
  )
}

function notWritten(deviceId: string): EnrolmentChange {
  return refuseChange(
    'not-written',
    `what was decided on ${JSON.stringify(deviceId)} holds until the bridge stops, but could not be written`,
    'look at the log and at the disk of data-dir, then decide again',
  )
}

/** An address without the brackets that an IPv6 one has in front of a port. */
function bare(address: string): string {
  return address.replace(/^\[(.*)\]$/, '$1')
}

/** The address of `address:port`. */
function addressOf(source: string): string {
  return source.replace(/:\d+$/, '')
}
