import type { XmlElement } from '../netconf/xml/xml-tree.js'
import { type Clock, systemClock } from './clock.js'
import { createDatastores, type Datastores } from './datastores.js'
import { createEventLog } from './event-log.js'
import { createFaults, type Faults } from './faults.js'
import { type BaseVersion, type DialectName, dialectNamed } from './dialect.js'
import type { Actor, TerminationReason } from './netconf-events.js'
import type { ServerDevice, ServerSessionHandle } from './server-call.js'
import { serveSession } from './server-session.js'
import type { SessionTransport } from './session-transport.js'

/** How a simulated device's NETCONF server behaves. */
export interface NetconfServerOptions {
  readonly deviceId: string
  readonly dialect?: DialectName
  /** Base versions it announces; the dialect's own by default (Junos 1.0, plain both). */
  readonly bases?: readonly BaseVersion[]
  readonly interleave?: boolean
  /** Milliseconds that every reply waits. */
  readonly replyDelay?: number
  /** Events that are kept for replay. */
  readonly eventLogSize?: number
  readonly maxMessageSize?: number
  readonly clock?: Clock
  /** From 0 to below 1, as Math.random. */
  readonly random?: () => number
  readonly onSession?: (what: SessionNews) => void
}

/** What a device reports of its sessions. */
export type SessionNews =
  | { readonly kind: 'opened'; readonly actor: Actor }
  | { readonly kind: 'closed'; readonly actor: Actor; readonly reason: TerminationReason }

/** A small NETCONF server: datastores and sessions on whatever channels it is given. */
export interface NetconfServer {
  readonly capabilities: readonly string[]
  readonly datastores: Datastores
  readonly faults: Faults
  readonly openSession: (transport: SessionTransport) => ServerSessionHandle
  readonly sessions: () => readonly Actor[]
  /** Tells an event of the device's own to all subscribers. */
  readonly emit: (event: XmlElement) => void
  /** Ends all sessions and timers. */
  readonly stop: () => void
}

const DEFAULT_EVENT_LOG_SIZE = 64
const DEFAULT_MAX_MESSAGE_SIZE = 64 * 1024 * 1024

/** A server in factory state. Idle it holds no buffers, timers or configuration. */
export function createNetconfServer(options: NetconfServerOptions): NetconfServer {
  const dialect = dialectNamed(options.dialect ?? 'plain')
  const clock = options.clock ?? systemClock
  const interleave = options.interleave ?? false
  const capabilities = dialect.capabilities(options.bases ?? dialect.defaultBases, interleave)
  const events = createEventLog(clock, options.eventLogSize ?? DEFAULT_EVENT_LOG_SIZE)
  const datastores = createDatastores({ deviceId: options.deviceId, clock, emit: events.emit })
  const faults = createFaults(options.replyDelay)
  const sessions = new Map<number, ServerSessionHandle>()
  let lastSessionId = 0

  const device: ServerDevice = {
    deviceId: options.deviceId,
    clock,
    startedAt: clock.now(),
    capabilities,
    datastores,
    events,
    sessions,
  }

  const openSession = (transport: SessionTransport): ServerSessionHandle => {
    do lastSessionId = dialect.nextSessionId(lastSessionId, options.random ?? Math.random)
    while (sessions.has(lastSessionId))
    const sessionId = lastSessionId
    const session = serveSession(transport, sessionId, {
      device,
      dialect,
      interleave,
      faults,
      maxMessageSize: options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE,
      onEnd: (reason) => {
        sessions.delete(sessionId)
        options.onSession?.({ kind: 'closed', actor: session.actor, reason })
      },
    })
    sessions.set(sessionId, session)
    options.onSession?.({ kind: 'opened', actor: session.actor })
    return session
  }

  return {
    capabilities,
    datastores,
    faults,
    openSession,
    sessions: () => [...sessions.values()].map((session) => session.actor),
    emit: events.emit,
    stop: () => {
      for (const session of sessions.values()) session.end('other')
      datastores.stop()
    },
  }
}
