import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Address } from './sshd-device.js'

export type Crossover = {
  /** Where devices dial in. */
  readonly deviceSide: Address
  /** Where clients dial in; each client gets one whole device connection. */
  readonly clientSide: Address
  /** What each device sent before its SSH identification, in the order of their dials. */
  readonly preambles: readonly Buffer[]
  readonly stop: () => Promise<void>
}

/**
 * A plain TCP crossover cable between devices that dial in and clients that dial out: no bridge, no SSH of its own.
 * It takes the preamble off and joins the next client to the next device, so that a client speaks with the device
 * directly.
 */
export async function startCrossover(): Promise<Crossover> {
  const preambles: Buffer[] = []
  const sockets = new Set<Socket>()
  const devices: { readonly socket: Socket; readonly sent: Buffer[] }[] = []
  const clients: Socket[] = []

  function join(): void {
    while (devices.length > 0 && clients.length > 0) {
      const [device, client] = [devices.shift(), clients.shift()]
      if (!device || !client) return
      for (const chunk of device.sent) client.write(chunk)
      device.socket.removeAllListeners('data')
      device.socket.pipe(client).pipe(device.socket)
      // A reset ends no pipe: pass it on.
      device.socket.once('close', () => client.destroy())
      client.once('close', () => device.socket.destroy())
    }
  }
  /** Reads on while no client has come, so that a device that went away is noticed. */
  function takeDevice(socket: Socket): void {
    const device = { socket, sent: [] as Buffer[] }
    let seen: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      if (devices.includes(device)) {
        device.sent.push(chunk)
        return
      }
      seen = Buffer.concat([seen, chunk])
      const start = seen.indexOf('SSH-')
      if (start < 0) return
      preambles.push(seen.subarray(0, start))
      device.sent.push(seen.subarray(start))
      devices.push(device)
      join()
    })
    socket.once('close', () => devices.includes(device) && devices.splice(devices.indexOf(device), 1))
  }
  async function listen(take: (socket: Socket) => void, pauseOnConnect: boolean): Promise<[Server, Address]> {
    const server = createServer({ noDelay: true, pauseOnConnect }, (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
      take(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return [server, { host: '127.0.0.1', port: (server.address() as AddressInfo).port }]
  }

  const [deviceServer, deviceSide] = await listen(takeDevice, false)
  const [clientServer, clientSide] = await listen((socket) => {
    clients.push(socket)
    join()
  }, true)
  return {
    deviceSide,
    clientSide,
    preambles,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([deviceServer, clientServer].map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}
