import type { ClusterConfig, Config } from '../config/schema.js'
import type { Device } from '../fleet/device.js'
import { createEndpointAssignments, type EndpointAssignments } from '../fleet/endpoints/endpoint-assignments.js'
import { createEnrolmentService, type EnrolmentService } from '../fleet/enrolment/enrolment-service.js'
import { settled } from '../lib/settled.js'
import { createSignal, type Signal } from '../lib/signal.js'
import { openSqliteStore } from '../store/sqlite/sqlite-store.js'
import type { OpenedStore, Store, StoreFailure } from '../store/store.js'
import type { Log } from '../telemetry/log.js'
import { ofNode, type WrittenRow } from './store-of-node.js'
import { type RunningAuditLog, startAuditLog } from './audit-log.js'
import { type BridgeHostKeys, hostKeysOf } from './host-keys.js'
import { tellOfBadDeviceIds, toldAsLeft } from './report-enrolments.js'
import { StartError } from './start-error.js'
import type { Foundation } from './start-telemetry.js'

/** What the bridge keeps on its disk, and what it has read of it. */
export interface Stores {
  readonly hostKeys: BridgeHostKeys
  readonly store: Store
  /** This node has written something that others follow; never told where no others serve at the same time. */
  readonly written: Signal<WrittenRow>
  /** Another node has written the token of this id. */
  readonly tokenChanged: Signal<string>
  /** Resolves when another node has taken over the store, so that this one has to end. */
  readonly replaced: Promise<StoreFailure>
  /** Who is enrolled. */
  readonly enrolments: EnrolmentService
  /** A device was enrolled that clients may reach from now on. */
  readonly deviceAdded: Signal<Device>
  /** A device has other labels. */
  readonly deviceRelabelled: Signal<Device>
  /** Devices were taken out, or what proves them has changed. */
  readonly devicesChanged: Signal
  /** The ports and addresses that devices have for themselves. */
  readonly ownEndpoints: EndpointAssignments
  /** Devices have other ports and addresses than before. */
  readonly endpointsMoved: Signal
  readonly audit: RunningAuditLog
}

/** Milliseconds between two writes of when devices were seen. */
const TOUCH_INTERVAL = 30_000

/** Device ids that a log line names at most. */
const NAMED_AT_MOST = 8

/** First stage of the start: opens the files that outlive it. Throws `StartError`. */
export async function openStores(foundation: Foundation): Promise<Stores> {
  const { settings, log, shutdown, metrics, measure } = foundation
  const hostKeys = await hostKeysOf(settings.current.config, log)
  const [written, tokenChanged] = [createSignal<WrittenRow>(), createSignal<string>()]
  const { store, replaced } = await openStore(settings.current.config, log, written.emit)
  shutdown.close(() => closeStore(store, log))

  const [endpointsMoved, devicesChanged] = [createSignal(), createSignal()]
  const [deviceAdded, deviceRelabelled] = [createSignal<Device>(), createSignal<Device>()]
  const ownEndpoints = await openEndpoints(foundation, store, endpointsMoved.emit)
  const enrolments = await openEnrolments(foundation, store, {
    added: deviceAdded.emit,
    relabelled: deviceRelabelled.emit,
    changed: devicesChanged.emit,
    forgotten: (deviceId) => ownEndpoints.release(deviceId),
  })

  const deviceOf = (id: string) => enrolments.devices().find((device) => device.id === id)
  const audit = await startAuditLog({
    settings,
    log,
    metrics: { ...metrics.operations, ...metrics.audit },
    device: (id) => deviceOf(id) ?? { id, labels: {} },
  })
  shutdown.close(() => audit.close())
  foundation.events.subscribe({
    'key-replaced': ({ deviceId, source, hostKeyFingerprint: fingerprint, replaced }) =>
      audit.auditLog.keyReplaced({ deviceId, source, fingerprint, replaced }),
  })
  measure(() => ({ auditFails: audit.problem() !== undefined, storeFails: store.problem() !== undefined }))
  return {
    hostKeys,
    store,
    written,
    tokenChanged,
    replaced,
    enrolments,
    deviceAdded,
    deviceRelabelled,
    devicesChanged,
    ownEndpoints,
    endpointsMoved,
    audit,
  }
}

async function openStore(
  { dataDir, cluster }: Pick<Config, 'dataDir' | 'cluster'>,
  log: Log,
  written: (row: WrittenRow) => void,
): Promise<Pick<Stores, 'store' | 'replaced'>> {
  const onProblem = ({ message, hint }: StoreFailure): void =>
    log.error({ hint }, `not written to the store: ${message}`)
  const replaced = settled<StoreFailure>()
  const opened =
    cluster === undefined
      ? await openSqliteStore({ directory: dataDir, touchInterval: TOUCH_INTERVAL, onProblem })
      : await openSharedStore(cluster, { onProblem, onReplaced: replaced.settle })
  if (!opened.ok) {
    const key = cluster === undefined ? 'data-dir' : 'cluster.database'
    throw new StartError(`${key}: ${opened.failure.message}`, opened.failure.hint)
  }
  const { store } = opened
  return {
    store: cluster?.listen === undefined ? store : ofNode(store, { node: cluster.node, written }),
    replaced: replaced.promise,
  }
}

/**
 * The store in a database that other bridges may use after this one, which alone uses it now; or at the same time,
 * where they listen for each other.
 */
async function openSharedStore(
  { database, node, secretKey, lease, heartbeat, listen }: ClusterConfig,
  listeners: {
    readonly onProblem: (failure: StoreFailure) => void
    readonly onReplaced: (failure: StoreFailure) => void
  },
): Promise<OpenedStore> {
  // Few need it.
  const { openPostgresStore } = await import('../store/postgres/postgres-store.js')
  return openPostgresStore({
    url: database,
    keys: secretKey,
    ...(listen === undefined ? { alone: { id: node, lease, heartbeat, onReplaced: listeners.onReplaced } } : {}),
    touchInterval: TOUCH_INTERVAL,
    onProblem: listeners.onProblem,
  })
}

async function closeStore(store: Store, log: Log): Promise<void> {
  const closing = await store.close()
  if (!closing.ok) log.error({ hint: closing.failure.hint }, `store not closed: ${closing.failure.message}`)
}

function openEndpoints({ log }: Foundation, store: Store, changed: () => void): Promise<EndpointAssignments> {
  return createEndpointAssignments({
    store,
    changed,
    onProblem: ({ reason, message, hint, deviceIds }) =>
      log.error({ reason, devices: deviceIds.length, deviceIds: deviceIds.slice(0, NAMED_AT_MOST), hint }, message),
  })
}

/** Reads who is enrolled, and has the devices of the configuration file follow it. */
async function openEnrolments(
  { settings, log, events }: Foundation,
  store: Store,
  listeners: {
    readonly added: (device: Device) => void
    readonly relabelled: (device: Device) => void
    readonly changed: () => void
    readonly forgotten: (deviceId: string) => void
  },
): Promise<EnrolmentService> {
  const { devices, enrolmentLimits, linkBounds } = settings.current
  const enrolments = await createEnrolmentService({
    store,
    events,
    configured: devices,
    limits: enrolmentLimits,
    linkBounds,
    ...listeners,
    left: (deviceIds) => log.warn(...toldAsLeft(deviceIds)),
    onStoreProblem: ({ message, hint }, deviceId) =>
      log.error({ deviceId, hint }, `not written to the store: ${message}`),
  })
  settings.onChange(
    (next) => next.config,
    () => {
      const { devices, enrolmentLimits, linkBounds } = settings.current
      enrolments.configure(devices, enrolmentLimits, linkBounds)
    },
  )
  await tellOfBadDeviceIds(enrolments, log)
  return enrolments
}
