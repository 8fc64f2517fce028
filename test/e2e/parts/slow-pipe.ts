import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Address } from './sshd-device.js'

export type SlowPipe = {
  /** Where to dial in instead. */
  readonly entrance: Address
  readonly stop: () => Promise<void>
}

/** Milliseconds between two portions. */
const beat = 50

/** Bytes that stand in each direction of the pipe; whoever sends more waits. */
const room = 64 * 1024

/** A path to `target` of so many bytes a second in each direction. */
export async function startSlowPipe(target: Address, bytesPerSecond: number): Promise<SlowPipe> {
  const sockets = new Set<Socket>()
  const timers = new Set<NodeJS.Timeout>()
  const portion = Math.max(1, Math.round((bytesPerSecond * beat) / 1000))

  function carry(from: Socket, to: Socket): void {
    let standing = Buffer.alloc(0)
    from.on('data', (bytes: Buffer) => {
      standing = Buffer.concat([standing, bytes])
      if (standing.length > room) from.pause()
    })
    const timer = setInterval(() => {
      if (standing.length === 0) return
      to.write(standing.subarray(0, portion))
      standing = standing.subarray(portion)
      if (standing.length <= room) from.resume()
    }, beat)
    timers.add(timer)
    from.once('close', () => {
      clearInterval(timer)
      timers.delete(timer)
      to.destroy()
    })
  }

  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ ...target, noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => sockets.delete(socket))
    }
    carry(near, far)
    carry(far, near)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    entrance: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      for (const timer of timers) clearInterval(timer)
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
