import { principalKey } from '../access/authz/principal.js'
import type { Fleet } from '../fleet/fleet.js'
import { bridgeStopping } from './call-failure.js'
import { openDeviceSession } from './device-session.js'
import type { Dispatcher } from './dispatcher.js'
import { type PoolLimits, type PoolPlace, SharedSessions } from './shared-sessions.js'

export type { PoolLimits, PoolPlace } from './shared-sessions.js'

/** NETCONF sessions that are kept open for operations that read, so that a call costs one RPC and no session set-up. */
export interface SessionPool {
  /**
   * The sessions of a place. A repeatable operation is sent again, once, where its session dies before the reply
   * begins.
   */
  readonly at: (place: PoolPlace) => Dispatcher
  /** How many sessions there are, those being opened included. */
  readonly count: () => number
  /** Closes idle sessions from now on. Calls under way are still answered. */
  readonly drain: () => void
  readonly close: () => Promise<void>
}

/** The client of a pooled session is the bridge itself, where several users share the session. */
const POOL_CLIENT = { user: 'homeport', source: 'warm', via: 'http' } as const

/** @param now milliseconds of a clock that only goes on */
export function createSessionPool(
  fleet: Pick<Fleet, 'openSession' | 'subscribe'>,
  limits: () => PoolLimits,
  now: () => number = () => performance.now(),
): SessionPool {
  const places = new Map<string, SharedSessions>()
  const stopping = new AbortController()
  let draining = false

  const count = (): number => [...places.values()].reduce((sum, shared) => sum + shared.count, 0)

  /** Closes up to so many idle sessions. Says whether there were any. */
  const closeIdle = (of: (place: PoolPlace) => boolean, most: number): boolean => {
    let left = most
    for (const shared of places.values()) if (of(shared.place)) left -= shared.closeIdle(left)
    return left < most
  }

  const sharedAt = (place: PoolPlace): SharedSessions => {
    // Sessions on different accounts are never shared, whatever the roles are called.
    const { deviceId, roles, account, user } = place
    const key = JSON.stringify([deviceId, roles.toSorted(), account, user === undefined ? '' : principalKey(user)])
    const known = places.get(key)
    if (known !== undefined) return known
    const client = user === undefined ? POOL_CLIENT : { ...POOL_CLIENT, user: user.name }
    const target = { fleet, deviceId, client, account }
    const shared = new SharedSessions(place, {
      limits,
      now,
      stopping: stopping.signal,
      isDraining: () => draining,
      open: (span) => openDeviceSession(target, { signal: stopping.signal, span }),
      makeRoom: () => count() < limits().maxWarmSessions || closeIdle(() => true, 1),
      emptied: () => {
        if (places.get(key) === shared) places.delete(key)
      },
    })
    places.set(key, shared)
    return shared
  }

  // A client waits for a session on the device, so the pool gives back its idle ones.
  const stopListening = fleet.subscribe({
    'session-wanted': ({ deviceId }) => void closeIdle((place) => place.deviceId === deviceId, Number.MAX_SAFE_INTEGER),
  })

  return {
    // Looked up at each use, because an empty place is removed.
    at: (place) => ({ ask: (operation, options) => sharedAt(place).ask(operation, options) }),
    count,
    drain: () => {
      draining = true
      closeIdle(() => true, Number.MAX_SAFE_INTEGER)
    },
    close: async () => {
      stopListening()
      stopping.abort()
      await Promise.all([...places.values()].map((shared) => shared.close(bridgeStopping)))
    },
  }
}
