import type { Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Config, UserConfig } from '../config/schema.js'
import {
  createEndpointAssignments,
  type EndpointAssignments,
  type EndpointRanges,
} from '../fleet/endpoints/endpoint-assignments.js'
import { createEnrolmentService, type EnrolmentService } from '../fleet/enrolment/enrolment-service.js'
import { createFleetEmitter } from '../fleet/fleet-emitter.js'
import type { Fleet } from '../fleet/fleet.js'
import { createLocalFleet, type LocalFleet } from '../fleet/local-fleet.js'
import { type Work, workOn } from '../lib/current-work.js'
import type { Api } from '../northbound/http/api.js'
import { createApp } from '../northbound/http/app.js'
import { identifyByCredentials } from '../northbound/http/middleware/authentication.js'
import { operatorCaller } from '../northbound/http/middleware/caller.js'
import { createConversionService } from '../northbound/http/rpc/conversion-service.js'
import { createIdempotencyCache } from '../northbound/http/rpc/idempotency.js'
import { createRpcService } from '../rpc/rpc-service.js'
import { type ServedSocket, serveOnSocket } from '../northbound/http/server/unix-socket.js'
import { createEntryPoints } from '../northbound/ssh/entry-points.js'
import { createSshEndpoint } from '../northbound/ssh/server.js'
import { createCallHomeListener } from '../southbound/listener.js'
import { assertSupportedSsh2, nativeCryptoAvailable } from '../ssh/ssh2/channels.js'
import { openSqliteStore } from '../store/sqlite/sqlite-store.js'
import type { Store, StoreProblem } from '../store/store.js'
import { type EventLoopStall, watchForStalls } from '../telemetry/event-loop-stalls.js'
import type { Log } from '../telemetry/log.js'
import { createMetrics, type Metrics, type Readings } from '../telemetry/metrics.js'
import { createAccess } from './access.js'
import { addressesOfThisMachine } from './addresses-of-this-machine.js'
import { hostKeysOf, namesOfBridge } from './host-keys.js'
import { bridgeSocketIn } from './bridge-socket.js'
import { countFleetEvents } from './count-fleet-events.js'
import { createDeviceDoors, type DeviceDoors, type SharedEndpoint } from './device-listeners.js'
import { healthOf } from './health.js'
import { jobQueueOn, webhooksOn } from './http-services.js'
import { createFleetEventLog } from '../fleet/event-log.js'
import { httpAuthenticatorsFrom, tokenServiceOn } from './http-access.js'
import { createHttpEndpoint, type HttpEndpoint } from './http-endpoint.js'
import { listen } from './listen.js'
import { logFaults } from './log-faults.js'
import { logFleetEvents } from './log-fleet-events.js'
import { createStallLog } from './log-stalls.js'
import { noteAttached } from './note-attached.js'
import { version } from './package-info.js'
import { startAuditLog } from './audit-log.js'
import { tellOfBadDeviceIds, toldAsLeft } from './report-enrolments.js'
import { credentialsFor, type Settings, settingsFrom, usersFrom } from './settings.js'
import { StartError } from './start-error.js'
import { createSources } from './sources.js'
import { startTracing } from './tracing.js'
import { within } from '../lib/deadline.js'

/** A running bridge. */
export interface Bridge {
  readonly fleet: Fleet
  readonly service: EnrolmentService
  /** `address:port` that devices dial, and that clients dial; the URL of the HTTP API, unless it is switched off. */
  readonly addresses: {
    readonly callHome: string
    readonly endpoint: string
    /** The endpoint's further ports, where there are any. */
    readonly furtherEndpoints?: readonly string[]
    readonly http?: string
  }
  /** The host keys that clients see, as `known_hosts` holds them. */
  readonly hostKeys: readonly string[]
  /**
   * Applies a new configuration; links and sessions are kept. Throws `StartError` and changes nothing when a file
   * that it names is of no use.
   */
  configure(config: Config): Promise<void>
  /** Applies other users, and nothing else. Throws `StartError` and changes nothing where one is of no use. */
  configureUsers(users: readonly UserConfig[]): void
  /**
   * Takes no more devices, clients and calls, lets sessions and calls that are under way end for `drain-timeout`, and
   * ends what is left: clients first, links last. `hurry` ends the waiting.
   */
  stop(force?: AbortSignal): Promise<void>
  /** Milliseconds that `stop` waits at most. */
  drainTimeout(): number
}

/** Fleet events that are kept for clients of `/api/v1/events` that come again. */
const keptEvents = 1000

const RELOAD: Work = { kind: 'reload' }

/** Milliseconds that clients get to take leave once their sessions are over. */
const FAREWELL_TIMEOUT = 2_000

/** Milliseconds between two writes of when devices were seen. */
const touchInterval = 30_000

/** Builds the rooms of a node and starts them in order. Throws `StartError`. */
export async function startBridge(config: Config, log: Log): Promise<Bridge> {
  assertSupportedSsh2()
  if (nativeCryptoAvailable()) log.debug('ssh2 runs with its compiled addon')
  else
    log.warn(
      { hint: 'install make and g++, then run `npm rebuild ssh2`' },
      'ssh2 runs without its compiled addon: sessions are two to three times slower',
    )

  let settings = await settingsFrom(config)
  const hostKeys = await hostKeysOf(config, log)
  const store = await openStore(config, log)
  const events = createFleetEmitter()
  logFleetEvents(events, log)
  const metrics: Metrics = createMetrics({ version, readings: () => readings() })
  const stopLoggingFaults = logFaults(log, metrics.faults)
  countFleetEvents(events, metrics.fleet)
  const tellOfStall = createStallLog(log)
  const onStall = (stall: EventLoopStall): void => {
    metrics.eventLoop.stalled(stall.work?.kind ?? 'many', stall.milliseconds / 1000)
    tellOfStall(stall)
  }
  let stopWatching = (): void => {}
  const tracing = await startTracing(config, log, metrics.traces)
  const ownEndpoints: EndpointAssignments = await createEndpointAssignments({
    store,
    changed: () => deviceListeners.openSoon(),
    onProblem: ({ reason, message, hint, deviceIds }) =>
      log.error({ reason, devices: deviceIds.length, deviceIds: deviceIds.slice(0, 8), hint }, message),
  })
  const fleet: LocalFleet = createLocalFleet({
    devices: [],
    limits: settings.fleetLimits,
    events,
    endpointOf: (deviceId) => ownEndpoints.of(deviceId),
    before: store.attached.before,
    lastSeen: async (deviceId) => service.lastSeen(deviceId),
    hasWork: async (deviceId) =>
      jobs.list().some((job) => job.deviceId === deviceId && (job.state === 'queued' || job.state === 'running')),
    crowdAtStart: () => {
      const { arriving, queued, running, waiting } = callHome.handshakes
      return arriving + queued + running + waiting > 0
    },
  })
  noteAttached(events, store.attached, settings.fleetLimits.reconnectWindow)
  // Nothing is given before the bridge listens: what it has bound itself is not to give.
  const shared = (): SharedEndpoint | undefined =>
    sharedEndpoint([endpoint.server, ...further.map(({ server }) => server)])
  const applyDevices = (): void => {
    fleet.configure(service.devices(), settings.fleetLimits)
    const bound = shared()
    if (bound !== undefined) ownEndpoints.configure(service.devices(), rangesOf(settings, bound, config, log))
  }
  const service: EnrolmentService = await createEnrolmentService({
    store,
    events,
    configured: settings.devices,
    limits: settings.enrolmentLimits,
    defaultMaxSessions: settings.maxSessions,
    added: (device) => {
      fleet.add(device)
      ownEndpoints.add(device)
    },
    changed: applyDevices,
    forgotten: (deviceId) => ownEndpoints.release(deviceId),
    left: (deviceIds) => log.warn(...toldAsLeft(deviceIds)),
    onStoreProblem: ({ message, hint }, deviceId) =>
      log.error({ deviceId, hint }, `not written to the store: ${message}`),
  })
  fleet.configure(service.devices(), settings.fleetLimits)
  await tellOfBadDeviceIds(service, log)

  const recording = await startAuditLog(
    config,
    log,
    metrics.operations,
    (id) => service.devices().find((device) => device.id === id) ?? { id, labels: {} },
  )

  const sources = createSources(config, log, metrics.clients)
  const callHome = createCallHomeListener(
    {
      fleet,
      service,
      anchors: () => settings.anchors,
      credentialsFor: (deviceId, because) =>
        credentialsFor(settings, deviceId, {
          name: service.credentialsOf(deviceId),
          limit: service.limitOf(deviceId, because),
        }),
      metrics: metrics.callHome,
      log,
    },
    settings.callHomeLimits,
    sources,
  )
  const access = createAccess(() => settings, log, metrics.clients)
  const endpoint = createSshEndpoint(
    fleet,
    access,
    recording.auditLog,
    createEntryPoints({
      endpoints: ownEndpoints,
      hostKeys: hostKeys.presented,
      bridgeNames: namesOfBridge(config),
      sharedPorts: () => shared()?.ports ?? [],
    }),
    settings.endpointLimits,
    log,
    metrics.clients,
    sources,
    tracing.tracer,
  )

  const further = config.endpoint.ssh.furtherPorts.map((port) => ({ port, server: endpoint.addServer() }))

  const draining = new AbortController()
  let started = false
  const tokens = tokenServiceOn(
    store.tokens,
    () => settings,
    log,
    () => rightsChanged(),
  )
  const rpc = createRpcService({
    fleet,
    limits: () => settings.callLimits,
    audit: recording.auditLog,
    denied: metrics.clients.operationDenied,
    boundReached: metrics.clients.requestBoundReached,
  })
  const idempotency = createIdempotencyCache(() => settings.callLimits)
  const conversions = createConversionService({
    limits: () => settings.callLimits,
    refused: metrics.clients.notConverted,
  })
  const fleetEvents = createFleetEventLog(events, keptEvents)
  const webhooks = webhooksOn(fleetEvents, fleet, log)
  webhooks.configure(settings)
  const jobs = await jobQueueOn({
    store,
    fleet,
    accounts: access,
    tokens,
    app: () => operatorApp,
    settings: () => settings,
    log,
  })
  const streams = { open: 0 }
  let asking: NodeJS.Immediate | undefined
  /** What was decided holds for what is live, too; once for all that changes together. */
  const rightsChanged = (): void => {
    asking ??= setImmediate(() => {
      asking = undefined
      access.live.recheck()
      jobs.recheck().catch((error: unknown) => log.error({ err: error }, 'rights of jobs not asked for anew'))
    })
  }
  // The labels of a device may have changed with it.
  events.subscribe({ decided: rightsChanged })
  const ports = {
    fleet,
    jobs,
    events: fleetEvents,
    streams,
    live: access.live,
    enrolments: service,
    rpc,
    idempotency,
    conversions,
    tokens,
    findAuditEvents: recording.find,
    log,
    metrics,
    tracer: tracing.tracer,
    draining: draining.signal,
    health: healthOf({
      started: () => started,
      draining: draining.signal,
      store,
      listening: { 'call-home.ssh': callHome.server, 'endpoint.ssh': endpoint.server },
    }),
  }
  const readings = async (): Promise<Readings> => ({
    ...(await fleet.counts()),
    clients: endpoint.connections,
    handshakes: callHome.handshakes,
    clientHandshakes: endpoint.handshakes,
    eventStreams: streams.open,
    devices: service.countByStanding(),
  })
  const operatorApp = createApp({ ...ports, identify: () => ({ ok: true, caller: operatorCaller(fleet) }) })
  const operator = await serveOperator(config, operatorApp, log)
  const deviceListeners: DeviceDoors = createDeviceDoors({
    endpoints: ownEndpoints,
    serve: (socket, entryPoint) => endpoint.serve(socket, entryPoint),
    shared,
    log,
  })
  const identify = identifyByCredentials(
    fleet,
    httpAuthenticatorsFrom(() => settings, access, tokens),
    log,
  )
  let http: HttpEndpoint | undefined

  /** Settles when nothing is under way any more. */
  const quiet = async (): Promise<void> => {
    await fleet.drain()
    // Those whose sessions were ended read why before their connections are closed.
    await within(FAREWELL_TIMEOUT, endpoint.quiet())
    await http?.quiet()
  }
  const stop = async (force?: AbortSignal): Promise<void> => {
    draining.abort()
    jobs.close()
    webhooks.close()
    fleetEvents.close()
    callHome.close()
    deviceListeners.close()
    endpoint.stopListening()
    rpc.drain()
    const inTime = await within(settings.drainTimeout, quiet(), force)
    // At a start that failed there was nothing to cut off.
    if (started && !inTime)
      log.warn({ sessions: (await fleet.sessions()).length }, 'sessions and calls under way are cut off')
    http?.close()
    endpoint.close()
    await operator.close()
    await rpc.close()
    await conversions.close()
    fleet.close()
    stopWatching()
    stopLoggingFaults()
    metrics.stop()
    await recording.close()
    await tracing.close()
    const closing = await store.close()
    if (!closing.ok) log.error({ hint: closing.problem.hint }, `store not closed: ${closing.problem.message}`)
  }

  try {
    if (config.endpoint.http.port !== 'none')
      http = await createHttpEndpoint(config, (network) => createApp({ ...ports, identify, network }), {
        log,
        isUnlimited: sources.isUnlimited,
        connectionRefused: (reason) => metrics.clients.connectionRefused(reason),
      })
    // After it listens, an error is one failed accept, for want of file descriptors say: the next one may succeed.
    for (const { server } of [callHome, endpoint, ...further, ...(http === undefined ? [] : [http])])
      server.on('error', (error: NodeJS.ErrnoException) => {
        if (server.listening)
          log.error({ code: error.code, hint: 'raise LimitNOFILE' }, `connection not accepted: ${error.message}`)
      })
    const endpointAddress = await listen(endpoint.server, {
      key: 'endpoint.ssh',
      socketName: 'endpoint-ssh',
      ...config.endpoint.ssh,
    })
    const furtherEndpoints = await listenOn(further, config.endpoint.ssh.address)
    applyDevices()
    await deviceListeners.openAtStart()
    const addresses = {
      endpoint: endpointAddress,
      callHome: await listen(callHome.server, {
        key: 'call-home.ssh',
        socketName: 'call-home-ssh',
        ...config.callHome.ssh,
      }),
      ...(further.length === 0 ? {} : { furtherEndpoints }),
      ...(http === undefined ? {} : { http: await listenForHttp(http, config) }),
    }
    started = true
    // Before, nobody waited.
    stopWatching = watchForStalls(onStall)
    return {
      fleet,
      service,
      addresses,
      hostKeys: hostKeys.lines,
      configure: async (next) => {
        workOn(RELOAD)
        settings = await settingsFrom(next)
        await tracing.configure(next)
        recording.configure(next)
        sources.configure(next)
        callHome.configure(settings.callHomeLimits)
        endpoint.configure(settings.endpointLimits)
        access.configure(settings.logins)
        service.configure(settings.devices, settings.enrolmentLimits, settings.maxSessions)
        rightsChanged()
        webhooks.configure(settings)
        await deviceListeners.open()
        await http?.configure(next)
      },
      configureUsers: (users) => {
        settings = { ...settings, users: usersFrom(users) }
        rightsChanged()
      },
      stop,
      drainTimeout: () => settings.drainTimeout,
    }
  } catch (error) {
    await stop(AbortSignal.abort())
    throw error
  }
}

/** @returns the URL to call it by */
async function listenForHttp({ server, scheme }: HttpEndpoint, { endpoint: { http } }: Config): Promise<string> {
  const { address, port } = http
  const bound = await listen(server, {
    key: 'endpoint.http',
    socketName: 'endpoint-http',
    address,
    port: port === 'none' ? 0 : port,
    off: 'endpoint.http.port: none',
  })
  return `${scheme}://${bound}`
}

/** Makes the servers of the endpoint's further ports listen, one by one, so that the first that cannot is told. */
async function listenOn(
  further: readonly { readonly port: number; readonly server: Server }[],
  address: string,
): Promise<readonly string[]> {
  const bound: string[] = []
  for (const { port, server } of further)
    bound.push(await listen(server, { key: 'endpoint.ssh.further-ports', address, port }))
  return bound
}

/** Where these servers listen, the first of which decides: undefined until it does. */
function sharedEndpoint(servers: readonly Server[]): SharedEndpoint | undefined {
  const [first, ...more] = servers.flatMap((server) => (server.listening ? [server.address() as AddressInfo] : []))
  return first === undefined ? undefined : { address: first.address, ports: [first, ...more].map(({ port }) => port) }
}

/** What devices are given out of, without what the bridge and this machine need for themselves. */
function rangesOf(
  { endpointRanges }: Settings,
  bound: SharedEndpoint,
  { callHome, endpoint }: Config,
  log: Log,
): EndpointRanges {
  const ofThisMachine = endpointRanges.addresses === undefined ? [] : addressesOfThisMachine(log)
  return {
    ...endpointRanges,
    reservedPorts: [...bound.ports, callHome.ssh.port, ...(endpoint.http.port === 'none' ? [] : [endpoint.http.port])],
    reservedAddresses: [bound.address, ...ofThisMachine],
  }
}

/** Whoever may open the socket in data-dir is the operator. */
async function serveOperator({ dataDir }: Config, app: Api, log: Log): Promise<ServedSocket> {
  const serving = await serveOnSocket(app, { path: bridgeSocketIn(dataDir), log })
  if (!serving.ok) throw new StartError(`data-dir: ${serving.problem.message}`, serving.problem.hint)
  return serving.served
}

async function openStore({ dataDir }: Config, log: Log): Promise<Store> {
  const onProblem = ({ message, hint }: StoreProblem): void =>
    log.error({ hint }, `not written to the store: ${message}`)
  const opened = await openSqliteStore({ directory: dataDir, touchInterval, onProblem })
  if (!opened.ok) throw new StartError(`data-dir: ${opened.problem.message}`, opened.problem.hint)
  return opened.store
}
