import { inBackground } from '../lib/background.js'
import { randomBytes } from 'node:crypto'
import type { SessionEvent } from './events.js'
import type { FleetEmitter } from './fleet-emitter.js'
import type { DeviceChannel } from './link.js'
import type { ChannelPurpose, ChannelRequest } from '../ssh/session-channel.js'
import type { LiveSession, CarriedBytes } from './live-session.js'
import type { SessionRequest } from './session-request.js'
import type { SessionClient } from './session-client.js'

/**
 * A session in the hands of whoever carries it. What it is told and what comes on its channel come in one order, also
 * from another node.
 */
export interface SessionHandle {
  readonly id: string
  readonly bytes: CarriedBytes
  /** Counts bytes that were carried; called for every one that passes. */
  readonly carried: (direction: keyof CarriedBytes, bytes: number) => void
  /** Settles with the name of whoever killed the session, before its channel is closed, and never otherwise. */
  readonly killed: Promise<string>
  /**
   * Takes what tells whether nothing is under way on it, neither a request nor a reply: a bridge that stops ends it
   * then.
   */
  readonly restsWhen: (atRest: () => boolean) => void
}

/**
 * The sessions that clients have through this node. The bridge's own ones (see `HeldSession`) are not among them:
 * nobody may kill those.
 */
export interface SessionRegister {
  /** Registers a session until its channel is closed, by the id that it has elsewhere, or by one of its own. */
  readonly open: (session: SessionOnLink, channel: DeviceChannel) => SessionHandle
  /** An id that nobody has here. */
  readonly freeId: () => string
  /** The oldest first. */
  readonly list: () => readonly LiveSession[]
  /** Closes a session's channel on the device and tells whoever carries it. False when there is none of this id. */
  readonly kill: (id: string, by: string) => boolean
  /** Ends, from now on, every session that is at rest; its client is told why. Returns what stops that. */
  readonly endIdle: () => () => void
  /** Settles once there is none. */
  readonly empty: () => Promise<void>
  /** How many there are now, by the way their clients came. */
  readonly live: Readonly<Record<SessionClient['via'], number>>
  /** Of all sessions since the start. */
  readonly bytes: CarriedBytes
}

/** The session that was asked for, and the number of the link that carries it. */
export interface SessionOnLink extends SessionRequest {
  readonly link: number
  readonly node?: string
}

/** What the register keeps of what was asked for. */
export function registered({ deviceId, client, request, keyExchange, sessionId }: SessionRequest): SessionRequest {
  return {
    deviceId,
    client,
    request,
    ...(keyExchange === undefined ? {} : { keyExchange }),
    ...(sessionId === undefined ? {} : { sessionId }),
  }
}

interface Entry {
  readonly session: LiveSession
  readonly end: (killedBy?: string) => void
  /** Whether nothing is under way on it; absent where nobody can tell. */
  atRest?: () => boolean
}

/** Who ends sessions that have nothing to do when the bridge stops. */
export const STOPPING_BRIDGE = 'the bridge, which is stopping'

/** Milliseconds between two looks for sessions that have nothing to do; one must have been so at two looks. */
const IDLE_LOOK = 250

export function createSessionRegister(events: FleetEmitter, now: () => number): SessionRegister {
  const entries = new Map<string, Entry>()
  const live = { ssh: 0, http: 0 }
  const bytes = { fromClient: 0, fromDevice: 0 }
  const whenEmpty = new Set<() => void>()

  const open: SessionRegister['open'] = ({ sessionId, ...asked }, channel) => {
    const own = { fromClient: 0, fromDevice: 0 }
    const session: LiveSession = {
      ...asked,
      id: sessionId === undefined || entries.has(sessionId) ? freeId(entries) : sessionId,
      request: purposeOf(asked.request),
      openedAt: new Date(now()),
      bytes: own,
    }
    let tellKilled: (by: string) => void = () => undefined
    const killed = new Promise<string>((resolve) => {
      tellKilled = resolve
    })
    let last: keyof CarriedBytes = asked.request.kind === 'exec' ? 'fromClient' : 'fromDevice'
    // Whoever knows the protocol that is spoken on the channel can tell better.
    channel.awaitReply?.(() => last === 'fromClient')
    const end = (killedBy?: string): void => {
      if (!entries.delete(session.id)) return
      live[session.client.via] -= 1
      const durationSeconds = (now() - session.openedAt.getTime()) / 1000
      events.emit('session-closed', {
        ...eventOf(session),
        durationSeconds,
        ...(killedBy === undefined ? {} : { killedBy }),
      })
      if (entries.size === 0) {
        for (const settle of whenEmpty) settle()
        whenEmpty.clear()
      }
      if (killedBy === undefined) return
      // In this order: whoever carries the session hears why before the channel is closed.
      tellKilled(killedBy)
      channel.close()
    }
    const entry: Entry = { session, end }
    entries.set(session.id, entry)
    live[session.client.via] += 1
    inBackground(
      'fleet',
      channel.closed.then(() => end()),
    )
    events.emit('session-opened', eventOf(session))
    return {
      id: session.id,
      bytes: own,
      carried: (direction, count) => {
        last = direction
        own[direction] += count
        bytes[direction] += count
      },
      killed,
      restsWhen: (atRest) => {
        entry.atRest = atRest
      },
    }
  }

  const endIdle: SessionRegister['endIdle'] = () => {
    let seen = new Map<string, number>()
    const look = (): void => {
      const now = new Map<string, number>()
      for (const { session, end, atRest } of entries.values()) {
        if (atRest?.() !== true) continue
        const {
          id,
          bytes: { fromClient },
        } = session
        if (seen.get(id) === fromClient) end(STOPPING_BRIDGE)
        else now.set(id, fromClient)
      }
      seen = now
    }
    const timer = setInterval(look, IDLE_LOOK)
    look()
    return () => clearInterval(timer)
  }

  return {
    open,
    freeId: () => freeId(entries),
    endIdle,
    list: () => [...entries.values()].map(({ session }) => ({ ...session, bytes: { ...session.bytes } })),
    kill: (id, by) => {
      const entry = entries.get(id)
      entry?.end(by)
      return entry !== undefined
    },
    empty: () => (entries.size === 0 ? Promise.resolve() : new Promise((settle) => whenEmpty.add(settle))),
    live,
    bytes,
  }
}

/** What a session is for, without its terminal and its environment. */
function purposeOf(request: ChannelRequest): ChannelPurpose {
  if (request.kind === 'subsystem') return { kind: request.kind, name: request.name }
  if (request.kind === 'tcp') return { kind: request.kind, port: request.port }
  return request.kind === 'exec' ? { kind: request.kind, command: request.command } : { kind: request.kind }
}

function eventOf({ id, deviceId, client, request, bytes }: LiveSession): SessionEvent {
  const told = request.kind === 'exec' ? { kind: request.kind } : request
  return { id, deviceId, client, request: told, bytes: { ...bytes } }
}

function freeId(taken: ReadonlyMap<string, unknown>): string {
  const id = sessionId()
  return taken.has(id) ? freeId(taken) : id
}

/** Lower case, without the letters that look like a digit or each other (Crockford's base 32). */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

function sessionId(): string {
  return Array.from(randomBytes(8), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}
