import type { SimulatedDeviceOptions } from './device-options.js'
import { type SimulatedDevice, startSimulatedDevice } from './simulated-device.js'

/** Many devices of one kind. */
export interface SimulatedDevicesOptions
  extends Omit<SimulatedDeviceOptions, 'id' | 'bridge' | 'startDelay' | 'hostKey'> {
  readonly count: number
  readonly to: { readonly host: string; readonly port: number }
  /** Ids are the prefix and a number from 1. */
  readonly idPrefix?: string
  /** Milliseconds between the first attempts of two devices. */
  readonly stagger?: number
  /** A device's host key as private key text; a fresh one each by default. */
  readonly hostKeyFor?: (id: string) => string | undefined
}

/** Devices that run in this process. */
export interface SimulatedDevices {
  readonly devices: readonly SimulatedDevice[]
  /** Resolves once the bridge has logged in to every device. */
  readonly attached: Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts devices; `{id}` in the secret stands for the device's id. */
export function startSimulatedDevices(options: SimulatedDevicesOptions): SimulatedDevices {
  const { count, to, idPrefix = 'sim-', stagger = 0, hostKeyFor, secret, ...common } = options
  const devices = Array.from({ length: count }, (_, index) => {
    const id = `${idPrefix}${index + 1}`
    const hostKey = hostKeyFor?.(id)
    return startSimulatedDevice({
      ...common,
      id,
      bridge: to,
      startDelay: index * stagger,
      ...(secret === undefined ? {} : { secret: secret.replaceAll('{id}', id) }),
      ...(hostKey === undefined ? {} : { hostKey }),
    })
  })
  return {
    devices,
    attached: Promise.all(devices.map((device) => device.whenAuthenticated())).then(() => undefined),
    stop: async () => {
      await Promise.all(devices.map((device) => device.stop()))
    },
  }
}
