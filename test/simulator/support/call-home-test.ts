import { once } from 'node:events'
import type { Client } from 'ssh2'
import { CAPABILITY } from '../../../src/netconf/capabilities.js'
import type { DeviceEvents } from '../../../src/simulator/device-events.js'
import type { SimulatedDeviceOptions } from '../../../src/simulator/device-options.js'
import { type SimulatedDevice, startSimulatedDevice } from '../../../src/simulator/simulated-device.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { type BridgeStandIn, listenForDevices, netconfChannel } from './bridge-stand-in.js'
import { openTestClient, type TestClient } from './netconf-client.js'

/** A stand-in for the bridge and devices that dial it, all stopped together. */
export interface CallHomeTest {
  readonly bridge: BridgeStandIn
  readonly start: (options?: Partial<SimulatedDeviceOptions>) => SimulatedDevice
  /** Stops something else with the devices. */
  readonly stopLater: (running: { readonly stop: () => Promise<void> }) => void
  readonly end: () => Promise<void>
}

/** The host key of every device that is given none. */
export const HOST_KEY = generatePrivateKey('ed25519', 'test')

export async function beginCallHomeTest(): Promise<CallHomeTest> {
  const bridge = await listenForDevices()
  const running: { readonly stop: () => Promise<void> }[] = []
  return {
    bridge,
    start: (options = {}) => {
      const device = startSimulatedDevice({
        id: 'router1',
        bridge: bridge.to,
        username: 'netconf',
        password: 'right',
        redialDelay: 1,
        hostKey: HOST_KEY,
        ...options,
      })
      running.push(device)
      return device
    },
    stopLater: (other) => running.push(other),
    end: async () => {
      await Promise.all(running.map((one) => one.stop()))
      await bridge.close()
    },
  }
}

/** The next event of that name. */
export function happens<Event extends keyof DeviceEvents>(
  device: SimulatedDevice,
  event: Event,
): Promise<DeviceEvents[Event]> {
  return new Promise((resolve) => {
    const forget = device.on(event, (news) => {
      forget()
      resolve(news)
    })
  })
}

/** A NETCONF session on a new channel. */
export async function session(client: Client): Promise<TestClient> {
  return openTestClient(await netconfChannel(client), [CAPABILITY.base10, CAPABILITY.base11])
}

/** Resolves when an SSH connection is over. */
export async function ended(client: Client): Promise<void> {
  await once(client, 'close')
}
