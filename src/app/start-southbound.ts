import type { Server } from 'node:net'
import { createLocalFleet, type LocalFleet, type LocalFleetOptions } from '../fleet/local-fleet.js'
import { type CallHomeListener, createCallHomeListener } from '../southbound/listener.js'
import { algorithmsForCall } from '../southbound/ssh/device-algorithms.js'
import { createAccountTurns } from '../southbound/account-turns.js'
import { createSshTransport } from '../southbound/ssh/ssh-transport.js'
import type { Transport } from '../southbound/transport.js'
import { listen, logFailedAccepts } from './listen.js'
import { noteAttached } from './note-attached.js'
import type { Stores } from './open-stores.js'
import type { Cluster } from './start-cluster.js'
import { accountsOf, credentialsFor } from './settings.js'
import { createSources, type Sources } from './sources.js'
import type { Foundation } from './start-telemetry.js'
import { watchDeviceCertificates } from './watch-device-certificates.js'

/** The devices: their fleet, and where they call home. */
export interface Southbound {
  readonly fleet: LocalFleet
  /** Where devices call home over SSH. */
  readonly callHomeServer: Server
  /** What is known of sources, on the ports of devices and clients alike. */
  readonly sources: Sources
  /** Has somebody say whether there is work for a device that calls from time to time: it is kept until then. */
  readonly hasWork: (ask: (deviceId: string) => Promise<boolean>) => void
  /** Takes calls from now on. Throws `StartError`. @returns the bound address, `address:port` */
  readonly listen: () => Promise<string>
}

/** Second stage of the start: everything that devices meet. Nothing listens yet. */
export function startSouthbound(foundation: Foundation, stores: Stores, cluster?: Cluster): Southbound {
  const { settings, log, shutdown, metrics, measure } = foundation
  const sources = createSources(settings, log, metrics.clients)
  const listeners: CallHomeListener[] = []
  const workers: ((deviceId: string) => Promise<boolean>)[] = []

  const fleet = startFleet(foundation, stores, {
    hasWork: async (deviceId) => (await Promise.all(workers.map((has) => has(deviceId)))).includes(true),
    crowdAtStart: () => listeners.some(isCrowded),
    ...(cluster === undefined ? {} : { elsewhere: cluster.elsewhere }),
  })
  cluster?.serve(fleet)
  const callHome = startCallHome(foundation, { fleet, enrolments: stores.enrolments, sources })
  const callHomeServer = callHome.take(sshTransport(foundation, stores))
  listeners.push(callHome)
  shutdown.refuse(() => callHome.close())

  watchDeviceCertificates(foundation, fleet)
  measure(() => ({ handshakes: callHome.handshakes, devices: stores.enrolments.countByStanding() }))
  return {
    fleet,
    callHomeServer,
    sources,
    hasWork: (ask) => void workers.push(ask),
    listen: () => {
      logFailedAccepts(callHomeServer, log)
      const { ssh } = settings.current.config.callHome
      return listen(callHomeServer, { key: 'call-home.ssh', socketName: 'call-home-ssh', ...ssh })
    },
  }
}

/** Whether call-home connections still wait for their handshakes. */
function isCrowded({ handshakes: { arriving, queued, running, waiting } }: CallHomeListener): boolean {
  return arriving + queued + running + waiting > 0
}

/** Makes the fleet, whose devices are those that are enrolled. */
function startFleet(
  { settings, shutdown, events }: Foundation,
  { store, enrolments, ownEndpoints, deviceAdded, deviceRelabelled, devicesChanged }: Stores,
  answers: Pick<LocalFleetOptions, 'hasWork' | 'crowdAtStart' | 'elsewhere'>,
): LocalFleet {
  const fleet = createLocalFleet({
    devices: enrolments.devices(),
    limits: settings.current.fleetLimits,
    events,
    endpointOf: (deviceId) => ownEndpoints.of(deviceId),
    before: store.attached.before,
    lastSeen: async (deviceId) => enrolments.lastSeen(deviceId),
    ...answers,
  })
  deviceAdded.on((device) => {
    fleet.add(device)
    ownEndpoints.add(device)
  })
  deviceRelabelled.on(fleet.change)
  devicesChanged.on(() => fleet.configure(enrolments.devices(), settings.current.fleetLimits))
  // A stop ends every link at once, and notes for all of them together when the bridge was last alive.
  events.subscribe({
    detached: ({ deviceId, source, end }) => end.reason !== 'shutdown' && enrolments.seen(deviceId, source),
  })
  noteAttached(events, store.attached, settings.current.fleetLimits.reconnectWindow)
  shutdown.drain(() => fleet.drain())
  shutdown.close(() => fleet.close())
  return fleet
}

function startCallHome(
  { settings, log, metrics }: Foundation,
  { fleet, enrolments, sources }: Pick<Southbound, 'fleet' | 'sources'> & Pick<Stores, 'enrolments'>,
): CallHomeListener {
  const callHome = createCallHomeListener({
    fleet,
    service: enrolments,
    metrics: metrics.callHome,
    log,
    limits: settings.current.callHomeLimits,
    sources,
  })
  settings.onChange(
    ({ callHomeLimits }) => callHomeLimits,
    (next) => callHome.configure(next),
  )
  return callHome
}

function sshTransport({ settings, log }: Foundation, { enrolments }: Stores): Transport {
  const turns = createAccountTurns()
  return createSshTransport({
    anchors: () => settings.current.anchors,
    accountFor: (deviceId) => {
      const { linkBounds, mostLinksOf } = settings.current
      const names = accountsOf(settings.current, deviceId, enrolments.credentialsOf(deviceId))
      return turns.take(deviceId, names, mostLinksOf.get(deviceId) ?? linkBounds.maxConnections ?? 1)
    },
    credentialsFor: (deviceId, because, account) =>
      credentialsFor(settings.current, deviceId, {
        account,
        name: enrolments.credentialsOf(deviceId),
        limit: enrolments.limitOf(deviceId, because),
      }),
    algorithmsFor: (call) => algorithmsForCall(settings.current.deviceAlgorithms, call),
    log,
  })
}
