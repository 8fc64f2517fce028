import { randomBytes } from 'node:crypto'
import { inBackground } from '../../lib/background.js'
import { type Enrolment, type LastSeen, withLastSeen } from '../../store/enrolment.js'
import type { Store, StoreFailure, WrittenEnrolment } from '../../store/store.js'
import type { KnownDevice } from '../../trust/known-device.js'
import { createKnownDevices, type KnownDevices } from '../../trust/known-devices.js'
import { type ConfiguredDevice, storedDevice, withoutEntry, withStored } from './enrolled-device.js'
import { createWriteBehind, type EnrolmentEdit } from './write-behind.js'

/** An enrolment as it was before a change and as it is now; undefined where there is none. */
export interface ChangedEnrolment {
  readonly deviceId: string
  readonly before: Enrolment | undefined
  /** There may have been another change by now, which is told for itself. */
  readonly now: Enrolment | undefined
  /** Whether the configuration file has an entry of the device. */
  readonly inFile: boolean
}

/**
 * The enrolments as this node knows them: the entries of the configuration file, and the contents of the store. The
 * node follows the store, and so learns what another node decides. A change by this node counts at once, even while the
 * disk is full.
 */
export interface EnrolmentMemory {
  readonly entryOf: (deviceId: string) => ConfiguredDevice | undefined
  readonly entries: () => readonly ConfiguredDevice[]
  readonly of: (deviceId: string) => Enrolment | undefined
  readonly all: () => readonly Enrolment[]
  /** What can prove each device. */
  readonly known: () => KnownDevices
  /** Changes an enrolment here at once and then in the store; answers whether it could be written. */
  readonly update: (deviceId: string, edit: EnrolmentEdit) => Promise<boolean>
  /** The same without waiting for the disk. */
  readonly note: (deviceId: string, edit: EnrolmentEdit) => void
  /** Notes that an enrolled device was seen; the store writes that some time later. */
  readonly seen: (deviceId: string, lastSeen: LastSeen) => void
  /**
   * Ties enrolments to the entries of another file: those of an entry that has left go with it, those of one that came
   * belong to it from now on.
   */
  readonly follow: (entries: readonly ConfiguredDevice[]) => void
}

export interface EnrolmentMemoryOptions {
  readonly store: Pick<Store, 'enrolments'>
  readonly entries: readonly ConfiguredDevice[]
  /** An enrolment is another one in memory now. */
  readonly noted: (deviceId: string, enrolment: Enrolment | undefined) => void
  /** An enrolment was changed here, and was written or could not be; or another node has changed it. */
  readonly settled: (changed: ChangedEnrolment) => void
  /** Entries have left the configuration file, and what the store held of these devices is gone with them. */
  readonly left: (deviceIds: readonly string[]) => void
  readonly onStoreProblem: (failure: StoreFailure, deviceId: string) => void
}

export async function createEnrolmentMemory(options: EnrolmentMemoryOptions): Promise<EnrolmentMemory> {
  const { store, noted, settled, left, onStoreProblem } = options
  /** The mark of this node's own changes, by which it knows them when the store reports them. */
  const writer = randomBytes(8).toString('hex')
  let entries = new Map<string, ConfiguredDevice>()
  let stored = new Map<string, Enrolment>()
  let known = createKnownDevices()
  /** How many changes of this node are on their way to the store, by device. */
  const underWay = new Map<string, number>()
  /** Devices that another node changed while a change of this node was on its way to the store. */
  const overtaken = new Set<string>()

  const knownOf = (deviceId: string): KnownDevice | undefined => {
    const [entry, enrolment] = [entries.get(deviceId), stored.get(deviceId)]
    if (entry !== undefined) return withStored(entry, enrolment)
    return enrolment === undefined ? undefined : storedDevice(enrolment)
  }
  /** Puts an enrolment in the place of what is known; gives what was. */
  const know = (deviceId: string, after: Enrolment | undefined): Enrolment | undefined => {
    const before = stored.get(deviceId)
    if (after === undefined) stored.delete(deviceId)
    else stored.set(deviceId, after)
    noted(deviceId, after)
    const device = knownOf(deviceId)
    if (device === undefined) known.delete(deviceId)
    else known.set(device)
    return before
  }
  const tell = (deviceId: string, before: Enrolment | undefined): void =>
    settled({ deviceId, before, now: stored.get(deviceId), inFile: entries.has(deviceId) })

  /** Changes what is known at once, and gives the change that is to be written. */
  const edit = (
    deviceId: string,
    edit: EnrolmentEdit,
  ): { readonly before: Enrolment | undefined; readonly toWrite: EnrolmentEdit } => {
    const inFile = entries.has(deviceId)
    const toWrite: EnrolmentEdit = (current) => {
      const next = edit(current)
      return next === undefined || !inFile ? next : { ...next, configured: true }
    }
    return { before: know(deviceId, toWrite(stored.get(deviceId) ?? blank(deviceId))), toWrite }
  }
  const write = async (deviceId: string, toWrite: EnrolmentEdit): Promise<boolean> => {
    underWay.set(deviceId, (underWay.get(deviceId) ?? 0) + 1)
    const result = await store.enrolments
      .update(deviceId, (current) => toWrite(current ?? blank(deviceId)), writer)
      .finally(() => arrive(deviceId))
    if (!result.ok) onStoreProblem(result.failure, deviceId)
    // What is stored now has the changes of both nodes.
    else if (!underWay.has(deviceId) && overtaken.delete(deviceId)) tell(deviceId, know(deviceId, result.value))
    return result.ok
  }
  const arrive = (deviceId: string): void => {
    const others = (underWay.get(deviceId) ?? 1) - 1
    if (others > 0) underWay.set(deviceId, others)
    else underWay.delete(deviceId)
  }
  const behind = createWriteBehind(write, (work) => inBackground('store', work))

  const update: EnrolmentMemory['update'] = async (deviceId, change) => {
    const { before, toWrite } = edit(deviceId, change)
    inBackground('store', behind.first(deviceId))
    const written = await write(deviceId, toWrite)
    tell(deviceId, before)
    return written
  }

  const hear = ({ deviceId, enrolment, writer: by }: WrittenEnrolment): void => {
    if (by === writer) return
    // The store has not seen what this node changes at the moment.
    if (underWay.has(deviceId) || behind.awaits(deviceId)) overtaken.add(deviceId)
    else tell(deviceId, know(deviceId, enrolment))
  }

  const follow: EnrolmentMemory['follow'] = (next) => {
    entries = new Map(next.map((entry) => [entry.id, entry]))
    const all = [...stored.values()]
    const gone = all.filter(({ configured, deviceId }) => configured && !entries.has(deviceId))
    const entered = all.filter(({ configured, deviceId }) => !configured && entries.has(deviceId))
    const unchanged: EnrolmentEdit = (enrolment) => enrolment
    behind.add(
      new Map([
        ...gone.map(({ deviceId }) => [deviceId, edit(deviceId, withoutEntry).toWrite] as const),
        ...entered.map(({ deviceId }) => [deviceId, edit(deviceId, unchanged).toWrite] as const),
      ]),
    )
    const ids = new Set([...entries.keys(), ...stored.keys()])
    known = createKnownDevices([...ids].flatMap((deviceId) => knownOf(deviceId) ?? []))
    if (gone.length > 0) left(gone.map(({ deviceId }) => deviceId))
  }

  // Before they are read, so that no change falls in between.
  const early: WrittenEnrolment[] = []
  let take = (written: WrittenEnrolment): void => void early.push(written)
  store.enrolments.subscribe((written) => take(written))
  stored = new Map((await store.enrolments.list()).map((enrolment) => [enrolment.deviceId, enrolment]))
  for (const { deviceId, enrolment } of early)
    if (enrolment === undefined) stored.delete(deviceId)
    else stored.set(deviceId, enrolment)
  take = hear
  for (const enrolment of [...stored.values()].toSorted(byLastSeen)) noted(enrolment.deviceId, enrolment)
  follow(options.entries)

  return {
    entryOf: (deviceId) => entries.get(deviceId),
    entries: () => [...entries.values()],
    of: (deviceId) => stored.get(deviceId),
    all: () => [...stored.values()],
    known: () => known,
    update,
    note: (deviceId, change) => inBackground('store', update(deviceId, change)),
    seen: (deviceId, lastSeen) => {
      const current = stored.get(deviceId)
      if (current === undefined) return
      stored.set(deviceId, withLastSeen(current, lastSeen))
      store.enrolments.touch(deviceId, lastSeen)
    },
    follow,
  }
}

function blank(deviceId: string): Enrolment {
  return { deviceId, standing: 'approved', pins: [], addresses: [], labels: {} }
}

function byLastSeen({ lastSeen: one }: Enrolment, { lastSeen: other }: Enrolment): number {
  return (one?.getTime() ?? 0) - (other?.getTime() ?? 0)
}
