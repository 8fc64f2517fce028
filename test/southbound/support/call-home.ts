import { nextEvent } from '../../fleet/support/next-event.js'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentialsFor } from '../../../src/app/settings.js'
import type { ConfiguredDevice } from '../../../src/fleet/enrolment/enrolled-device.js'
import {
  createEnrolmentService,
  type EnrolmentService,
  type EnrolmentLimits,
} from '../../../src/fleet/enrolment/enrolment-service.js'
import { createFleetEmitter } from '../../../src/fleet/fleet-emitter.js'
import type { LinkRefusal } from '../../../src/fleet/refusals/call-home.js'
import { createLocalFleet, type LocalFleet, type FleetLimits } from '../../../src/fleet/local-fleet.js'
import { createSshTransport } from '../../../src/southbound/ssh/ssh-transport.js'
import type { ChannelLimits, Transport } from '../../../src/southbound/transport.js'
import { type CallHomeListener, createCallHomeListener } from '../../../src/southbound/listener.js'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'
import { createLog } from '../../../src/telemetry/log.js'
import type { CallHomeMetrics } from '../../../src/telemetry/metrics.js'
import type { Credentials } from '../../../src/trust/credentials.js'
import type { Evidence } from '../../../src/trust/evidence.js'
import type { TrustAnchors } from '../../../src/trust/trust-anchors.js'
import { anchorsWith } from '../../trust/support/known-devices.js'

export interface CallHomeRoom {
  readonly fleet: LocalFleet
  readonly service: EnrolmentService
  readonly listener: CallHomeListener
  /** Applies another configuration file. */
  readonly configure: (configured: readonly ConfiguredDevice[]) => void
  /** Dials in; nothing has been sent on the connection yet. */
  readonly dial: () => Promise<Socket>
  /** The next refusal. */
  readonly refused: () => Promise<LinkRefusal>
  /** What was logged so far. */
  readonly logged: readonly string[]
  readonly stop: () => Promise<void>
}

export interface CallHomeRoomOptions {
  readonly configured?: readonly ConfiguredDevice[]
  readonly anchors?: TrustAnchors
  /** The profile `default`. */
  readonly credentials?: Credentials
  /** Other profiles by name. */
  readonly profiles?: readonly (readonly [string, Credentials])[]
  readonly enrolment?: Partial<EnrolmentLimits>
  readonly fleet?: Partial<FleetLimits>
  readonly channels?: Partial<ChannelLimits>
  /** SSH, when not given. */
  readonly transport?: Transport
  readonly maxHandshakes?: number
  readonly maxQueuedHandshakes?: number
}

/** A device of the configuration file that nothing is said of beside its id. */
export function configuredDevice(id: string, rest: Partial<ConfiguredDevice> = {}): ConfiguredDevice {
  return { id, labels: {}, maxSessions: 10, aliases: [], pins: [], ...rest }
}

/** The whole southbound side on a free port, with an enrolment desk on a real store. */
export async function openCallHome(options: CallHomeRoomOptions = {}): Promise<CallHomeRoom> {
  const {
    configured = [],
    anchors = anchorsWith(),
    credentials,
    enrolment,
    maxHandshakes = 10,
    maxQueuedHandshakes = 10,
  } = options
  const logged: string[] = []
  const directory = await mkdtemp(join(tmpdir(), 'homeport-southbound-'))
  const opened = await openSqliteStore({ directory, touchInterval: 60_000, onProblem: () => undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  const fleetLimits = {
    maxQueuedSessions: 0,
    sessionWait: 0,
    reconnectWait: 0,
    reconnectWindow: 0,
    startWait: 0,
    replaceWait: 0,
    idleTimeout: 180_000,
    maxLostChannels: 3,
    maxForwards: 16,
    maxForwardsPerUser: 8,
    ...options.fleet,
  }
  const events = createFleetEmitter()
  const fleet = createLocalFleet({ devices: [], limits: fleetLimits, events })
  const enrolmentLimits = {
    maxPending: 4,
    maxPendingPerSource: 4,
    pendingTimeout: 60_000,
    pendingLifetime: 86_400_000,
    ...enrolment,
  }
  const service: EnrolmentService = await createEnrolmentService({
    store: opened.store,
    events,
    configured,
    limits: enrolmentLimits,
    linkBounds: { maxSessions: 10 },
    added: (device) => fleet.add(device),
    changed: () => fleet.configure(service.devices(), fleetLimits),
    relabelled: () => undefined,
    left: () => undefined,
    onStoreProblem: ({ message }) => logged.push(message),
  })
  fleet.configure(service.devices(), fleetLimits)

  const log = createLog({ level: 'debug', format: 'json' }, { write: (line) => logged.push(line) })
  const profiles = new Map(credentials === undefined ? [] : [['default', credentials], ...(options.profiles ?? [])])
  const login = (deviceId: string, because: Evidence): Credentials | undefined =>
    credentialsFor({ credentials: profiles, profilesOf: new Map() }, deviceId, {
      name: service.credentialsOf(deviceId),
      limit: service.limitOf(deviceId, because),
    })
  const metrics: CallHomeMetrics = {
    connected: () => undefined,
    handshakeQueued: () => undefined,
    familiarForgotten: () => undefined,
    handshakeEnded: () => undefined,
  }
  const listener = createCallHomeListener({
    fleet,
    service,
    metrics,
    log,
    limits: {
      initiationTimeout: 10_000,
      handshakeTimeout: 10_000,
      keepaliveInterval: 0,
      keepaliveCountMax: 3,
      maxReplyWait: 0,
      maxConcurrentHandshakes: 2,
      maxHandshakes,
      maxQueuedHandshakes,
      maxFamiliar: 100,
      proxyProtocol: {},
      queueTimeout: 10_000,
      channelOpenTimeout: 10_000,
      channelCloseTimeout: 10_000,
      ...options.channels,
    },
    sources: {
      isUnlimited: () => false,
      penalties: { left: () => 0, punish: () => undefined },
    },
  })
  const transport = options.transport ?? createSshTransport({ anchors: () => anchors, credentialsFor: login, log })
  const server = listener.take(transport)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const dialled: Socket[] = []
  return {
    fleet,
    service,
    listener,
    logged,
    configure: (next) => service.configure(next, enrolmentLimits, { maxSessions: 10 }),
    dial: async () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.on('error', () => undefined)
      dialled.push(socket)
      await once(socket, 'connect')
      return socket
    },
    refused: async () => (await nextEvent(fleet, 'refused'))[0],
    stop: async () => {
      for (const socket of dialled) socket.destroy()
      fleet.close()
      listener.close()
      await opened.store.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
