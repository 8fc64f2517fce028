import { type Principal, principalKey } from '../access/authz/principal.js'
import { createUserPlaces } from '../net/user-places.js'
import type { CallLimits } from './call-limits.js'
import { type Failed, failedWith } from './call-failure.js'

/**
 * Lets calls in up to a number, in all, of one user and on one device. `leave` is called once, when the answer has been
 * sent.
 */
export interface CallGate {
  readonly enter: (deviceId: string, caller: Principal) => { readonly ok: true; readonly leave: () => void } | Failed
  readonly under: () => number
}

export function createCallGate(
  limits: () => Pick<CallLimits, 'maxCalls' | 'maxCallsPerUser' | 'maxCallsPerDevice'>,
): CallGate {
  const perDevice = new Map<string, number>()
  const places = createUserPlaces(() => {
    const { maxCalls, maxCallsPerUser } = limits()
    return { most: maxCalls, mostPerUser: maxCallsPerUser }
  })

  return {
    enter: (deviceId, caller) => {
      const { maxCalls, maxCallsPerDevice } = limits()
      const entrance = places.enter(principalKey(caller))
      if (!entrance.ok)
        return entrance.bound === 'all'
          ? tooMany(`as many calls as may be are under way: ${maxCalls}`, 'max-calls')
          : tooMany(`as many calls of yours as may be are under way: ${entrance.heldByUser}`, 'max-calls-per-user')
      const here = perDevice.get(deviceId) ?? 0
      if (here >= maxCallsPerDevice) {
        entrance.leave()
        return tooMany(
          `device ${JSON.stringify(deviceId)} has as many calls under way as it may: ${maxCallsPerDevice}`,
          'max-calls-per-device',
        )
      }
      perDevice.set(deviceId, here + 1)
      let left = false
      return {
        ok: true,
        leave: () => {
          if (left) return
          left = true
          entrance.leave()
          const now = (perDevice.get(deviceId) ?? 1) - 1
          if (now === 0) perDevice.delete(deviceId)
          else perDevice.set(deviceId, now)
        },
      }
    },
    under: () => places.taken,
  }
}

function tooMany(message: string, key: string): Failed {
  const hint = `send fewer at a time, or raise endpoint.http.${key}`
  return failedWith({ cause: 'too-many-calls', message, hint, retryAfter: 1 })
}
