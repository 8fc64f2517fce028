import type { CallLimits } from './call-limits.js'
import { type Failed, failedWith } from './call-failure.js'

/** Lets calls in up to a number, in all and on one device. `leave` is called once, when the answer has been sent. */
export interface CallGate {
  readonly enter: (deviceId: string) => { readonly ok: true; readonly leave: () => void } | Failed
  readonly under: () => number
}

export function createCallGate(limits: () => Pick<CallLimits, 'maxCalls' | 'maxCallsPerDevice'>): CallGate {
  const perDevice = new Map<string, number>()
  let all = 0

  return {
    enter: (deviceId) => {
      const { maxCalls, maxCallsPerDevice } = limits()
      const here = perDevice.get(deviceId) ?? 0
      if (all >= maxCalls) return tooMany(`${maxCalls} calls are under way already`, 'max-calls')
      if (here >= maxCallsPerDevice)
        return tooMany(
          `${maxCallsPerDevice} calls to device ${JSON.stringify(deviceId)} are under way already`,
          'max-calls-per-device',
        )
      all += 1
      perDevice.set(deviceId, here + 1)
      let left = false
      return {
        ok: true,
        leave: () => {
          if (left) return
          left = true
          all -= 1
          const now = (perDevice.get(deviceId) ?? 1) - 1
          if (now === 0) perDevice.delete(deviceId)
          else perDevice.set(deviceId, now)
        },
      }
    },
    under: () => all,
  }
}

function tooMany(message: string, key: string): Failed {
  const hint = `send fewer at a time, or raise endpoint.http.${key}`
  return failedWith({ cause: 'too-many-calls', message, hint, retryAfter: 1 })
}
