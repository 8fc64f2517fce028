import type { ServerConfig } from 'ssh2'
import type { Config } from '../config/schema.js'
import { createEnrolmentDesk, type EnrolmentDesk } from '../fleet/enrolment-desk.js'
import { createFleetEmitter } from '../fleet/events.js'
import { createFleet, type Fleet } from '../fleet/fleet.js'
import type { Api } from '../northbound/http/api.js'
import { createApp } from '../northbound/http/app.js'
import { identifyByCredentials } from '../northbound/http/authentication.js'
import { operatorCaller } from '../northbound/http/caller.js'
import { createRpcDesk } from '../northbound/http/rpc/rpc-desk.js'
import { type ServedSocket, serveOnSocket } from '../northbound/http/serve.js'
import { createSshEndpoint } from '../northbound/ssh/server.js'
import { createCallHomeListener } from '../southbound/listener.js'
import { loadCertificate } from '../ssh/certificate-file.js'
import { loadHostKeys } from '../ssh/host-keys.js'
import { fingerprintOf, publicKeyLine } from '../ssh/public-key.js'
import { assertSupportedSsh2, nativeCryptoAvailable } from '../ssh/ssh2-internals.js'
import { serverHostKeys } from '../ssh/ssh2-internals-keys.js'
import { openSqliteStore } from '../store/sqlite-store.js'
import type { Store, StoreProblem } from '../store/store.js'
import type { Log } from '../telemetry/log.js'
import { createMetrics, type Metrics, type Readings } from '../telemetry/metrics.js'
import { bridgeSocketIn } from './bridge-socket.js'
import { countFleetEvents } from './count-fleet-events.js'
import { healthOf } from './health.js'
import { httpAuthenticatorsFrom, tokenDeskOn } from './http-access.js'
import { createHttpEndpoint, type HttpEndpoint } from './http-endpoint.js'
import { listen } from './listen.js'
import { logFleetEvents } from './log-fleet-events.js'
import { version } from './package-info.js'
import { startRecording } from './recording.js'
import { accessFrom, credentialsFor, settingsFrom } from './settings.js'
import { StartProblem } from './start-problem.js'
import { within } from './within.js'

/** A running bridge. */
export interface Bridge {
  readonly fleet: Fleet
  readonly desk: EnrolmentDesk
  /** `address:port` that devices dial, and that clients dial; the URL of the HTTP API, unless it is switched off. */
  readonly addresses: { readonly callHome: string; readonly endpoint: string; readonly http?: string }
  /** The host keys that clients see, as `known_hosts` holds them. */
  readonly hostKeys: readonly string[]
  /** Applies a new configuration; links and sessions are kept. Throws `StartProblem` and changes nothing when a file that it names is of no use. */
  configure(config: Config): Promise<void>
  /**
   * Takes no more devices, clients and calls, lets sessions and calls that are under way end for `drain-timeout`, and ends what is left:
   * clients first, links last. `hurry` ends the waiting.
   */
  stop(hurry?: AbortSignal): Promise<void>
  /** Milliseconds that `stop` waits at most. */
  drainTimeout(): number
}

/** Milliseconds between two writes of when devices were seen. */
const touchInterval = 30_000

/** Builds the rooms of a node and starts them in order. Throws `StartProblem`. */
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
  countFleetEvents(events, metrics.fleet)
  const fleet: Fleet = createFleet({ devices: [], limits: settings.fleetLimits, events })
  const desk: EnrolmentDesk = await createEnrolmentDesk({
    store,
    events,
    configured: settings.devices,
    limits: settings.enrolmentLimits,
    defaultMaxSessions: settings.maxSessions,
    added: (device) => fleet.add(device),
    changed: () => fleet.configure(desk.devices(), settings.fleetLimits),
    onStoreProblem: ({ message, hint }, deviceId) =>
      log.error({ deviceId, hint }, `not written to the store: ${message}`),
  })
  fleet.configure(desk.devices(), settings.fleetLimits)

  const recording = await startRecording(config, log, metrics.operations)

  const callHome = createCallHomeListener(
    {
      fleet,
      desk,
      anchors: () => settings.anchors,
      credentialsFor: (deviceId) => credentialsFor(settings, deviceId, desk.credentialsOf(deviceId)),
      metrics: metrics.callHome,
      log,
    },
    settings.callHomeLimits,
  )
  const access = accessFrom(() => settings)
  const endpoint = createSshEndpoint(
    fleet,
    access,
    recording.recorder,
    hostKeys.presented,
    settings.endpointLimits,
    log,
    { ...metrics.clients, denied: metrics.operations.denied },
  )

  const draining = new AbortController()
  let started = false
  const tokens = tokenDeskOn(store.tokens, () => settings, log)
  const rpc = createRpcDesk({
    fleet,
    limits: () => settings.callLimits,
    record: recording.recorder,
  })
  const ports = {
    fleet,
    enrolments: desk,
    rpc,
    tokens,
    findRecords: recording.find,
    log,
    metrics,
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
    devices: desk.countByStanding(),
  })
  const operator = await serveOperator(
    config,
    createApp({ ...ports, identify: () => ({ ok: true, caller: operatorCaller(fleet) }) }),
    log,
  )
  const identify = identifyByCredentials(
    fleet,
    httpAuthenticatorsFrom(() => settings, access, tokens),
    log,
  )
  let http: HttpEndpoint | undefined

  /** Settles when nothing is under way any more. */
  const quiet = async (): Promise<void> => {
    await fleet.drain()
    await http?.quiet()
  }
  const stop = async (hurry?: AbortSignal): Promise<void> => {
    draining.abort()
    callHome.close()
    endpoint.server.close()
    const inTime = await within(settings.drainTimeout, quiet(), hurry)
    if (!inTime) log.warn({ sessions: (await fleet.sessions()).length }, 'sessions and calls under way are cut off')
    http?.close()
    endpoint.close()
    await operator.close()
    await rpc.close()
    fleet.close()
    metrics.stop()
    await recording.close()
    const closing = await store.close()
    if (!closing.ok) log.error({ hint: closing.problem.hint }, `store not closed: ${closing.problem.message}`)
  }

  try {
    if (config.endpoint.http.port !== 'none')
      http = await createHttpEndpoint(config, (network) => createApp({ ...ports, identify, network }), log)
    // After it listens, an error is one failed accept, for want of file descriptors say: the next one may succeed.
    for (const { server } of [callHome, endpoint, ...(http === undefined ? [] : [http])])
      server.on('error', (error: NodeJS.ErrnoException) => {
        if (server.listening)
          log.error({ code: error.code, hint: 'raise LimitNOFILE' }, `connection not accepted: ${error.message}`)
      })
    const addresses = {
      endpoint: await listen(endpoint.server, {
        key: 'endpoint.ssh',
        socketName: 'endpoint-ssh',
        ...config.endpoint.ssh,
      }),
      callHome: await listen(callHome.server, {
        key: 'call-home.ssh',
        socketName: 'call-home-ssh',
        ...config.callHome.ssh,
      }),
      ...(http === undefined ? {} : { http: await listenForHttp(http, config) }),
    }
    started = true
    return {
      fleet,
      desk,
      addresses,
      hostKeys: hostKeys.lines,
      configure: async (next) => {
        settings = await settingsFrom(next)
        recording.configure(next)
        callHome.configure(settings.callHomeLimits)
        endpoint.configure(settings.endpointLimits)
        desk.configure(settings.devices, settings.enrolmentLimits, settings.maxSessions)
        await http?.configure(next)
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

/** Whoever may open the socket in data-dir is the operator. */
async function serveOperator({ dataDir }: Config, app: Api, log: Log): Promise<ServedSocket> {
  const serving = await serveOnSocket(app, { path: bridgeSocketIn(dataDir), log })
  if (!serving.ok) throw new StartProblem(`data-dir: ${serving.problem.message}`, serving.problem.hint)
  return serving.served
}

async function openStore({ dataDir }: Config, log: Log): Promise<Store> {
  const onProblem = ({ message, hint }: StoreProblem): void =>
    log.error({ hint }, `not written to the store: ${message}`)
  const opened = await openSqliteStore({ directory: dataDir, touchInterval, onProblem })
  if (!opened.ok) throw new StartProblem(`data-dir: ${opened.problem.message}`, opened.problem.hint)
  return opened.store
}

async function hostKeysOf(
  { endpoint, dataDir }: Config,
  log: Log,
): Promise<{ readonly presented: ServerConfig['hostKeys']; readonly lines: readonly string[] }> {
  const loaded = await loadHostKeys(endpoint.ssh.hostKeys, dataDir).catch((error: NodeJS.ErrnoException) => {
    throw new StartProblem(
      `data-dir: cannot write the bridge's host keys to ${dataDir} (${error.code ?? error.message})`,
      'give a directory that the user of the bridge may write, or name endpoint.ssh.host-keys',
    )
  })
  if (!loaded.ok)
    throw new StartProblem(`endpoint.ssh.host-keys: ${loaded.file}: ${loaded.problem.message}`, loaded.problem.hint)
  const certificates = await Promise.all(
    endpoint.ssh.hostCertificates.map(async (file) => {
      const read = await loadCertificate(file)
      if (read.ok) return { file, certificate: read.certificate }
      throw new StartProblem(`endpoint.ssh.host-certificates: ${file}: ${read.problem.message}`, read.problem.hint)
    }),
  )
  for (const { file, certificate } of certificates)
    if (!loaded.keys.some((key) => key.getPublicSSH().equals(certificate.key.blob)))
      throw new StartProblem(
        `endpoint.ssh.host-certificates: ${file} is for none of the bridge's host keys`,
        'sign the .pub file of one of endpoint.ssh.host-keys',
      )
  const presented = serverHostKeys(
    loaded.keys.map((key) => ({
      key,
      certificates: certificates
        .filter(({ certificate }) => certificate.key.blob.equals(key.getPublicSSH()))
        .map(({ certificate }) => certificate),
    })),
  )
  if (!presented.ok)
    throw new StartProblem(`endpoint.ssh.host-keys: ${presented.problem.message}`, presented.problem.hint)
  for (const file of loaded.generated) log.info({ file }, 'host key generated')
  for (const key of loaded.keys)
    log.info({ type: key.type, fingerprint: fingerprintOf(key.getPublicSSH()) }, 'host key')
  for (const { certificate } of certificates)
    log.info({ keyId: certificate.keyId, principals: certificate.principals }, 'host certificate')
  return {
    presented: presented.hostKeys,
    lines: loaded.keys.map((key) => publicKeyLine({ type: key.type, blob: key.getPublicSSH() })),
  }
}
