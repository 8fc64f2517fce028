import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface SocketPair {
  /** The side of the device, which dialled. */
  readonly device: Socket
  /** The side of the bridge, which accepted; nobody reads it yet. */
  readonly bridge: Socket
  readonly stop: () => void
}

/** Two ends of one TCP connection on the loopback address. */
export async function openSocketPair(): Promise<SocketPair> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const device = connect({ port, host: '127.0.0.1', noDelay: true })
  const [bridge] = await accepted
  server.close()
  for (const socket of [device, bridge]) socket.on('error', () => undefined)
  return {
    device,
    bridge,
    stop: () => {
      device.destroy()
      bridge.destroy()
    },
  }
}

/** All that a socket still holds and gets until its FIN. */
export async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** The next so many bytes of a socket. */
export function readBytes(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < count) return
      socket.off('data', onData)
      socket.pause()
      resolve(bytes)
    }
    socket.on('data', onData)
    socket.resume()
  })
}
