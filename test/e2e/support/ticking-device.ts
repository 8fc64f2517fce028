import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { EventSource } from 'eventsource'
import { element } from '../../../src/netconf/xml/xml-tree.js'
import type { SimulatedDevice } from '../../../src/simulator/simulated-device.js'
import type { RunningBridge } from './bridge.js'
import { ops } from './users.js'

const TICK = 'urn:homeport:tick'

/** Makes a device tell of the next number. */
export function createTicker({ netconf }: SimulatedDevice) {
  let count = 0
  return {
    tick: (): void => {
      count += 1
      netconf.emit(element(TICK, 'tick', [element(TICK, 'n', String(count))]))
    },
    get count() {
      return count
    },
  }
}

/** The number that a notification tells, undefined for one of something else. */
export function tickIn(notification: string): number | undefined {
  const [, digits] = /<tick xmlns="urn:homeport:tick"><n>(\d+)<\/n>/.exec(notification) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** The numbers from 1 to `last`. */
export const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, at) => at + 1)

/** An EventSource, as browsers have, on the notifications of a device, through a proxy that can cut its connection. */
export async function listenByEventSource(bridge: RunningBridge, deviceId: string) {
  const sockets = new Set<Socket>()
  const port = Number(new URL(bridge.httpUrl).port)
  const proxy = createServer((client) => {
    const server = connect(port, bridge.host)
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve)
  })
  const login = `Basic ${Buffer.from(`${ops.name}:${ops.password}`).toString('base64')}`
  const ticks: number[] = []
  const told: string[] = []
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/api/v1/devices/${deviceId}/notifications`
  const source = new EventSource(url, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: login } }),
  })
  source.addEventListener('notification', ({ data }) => {
    const tick = tickIn(String(data))
    if (tick !== undefined) ticks.push(tick)
  })
  for (const event of ['open', 'subscribed', 'interrupted', 'refused', 'error'])
    source.addEventListener(event, () => told.push(event))
  return {
    ticks,
    /** The names of the other events, in order. */
    told,
    isOver: (): boolean => source.readyState === EventSource.CLOSED,
    cut: (): void => {
      for (const socket of sockets) socket.destroy()
    },
    stop: async (): Promise<void> => {
      source.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => {
        proxy.close(resolve)
      })
    },
  }
}
