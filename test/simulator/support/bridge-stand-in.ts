import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Client, type ClientChannel, type ConnectConfig } from 'ssh2'

/** A call-home listener as small as can be: the bridge's place in tests of the device. */
export interface BridgeStandIn {
  readonly to: { readonly host: string; readonly port: number }
  /** The next connection that comes in, not read yet. */
  readonly accept: () => Promise<Socket>
  /** The next connection with an SSH client on it that has logged in. */
  readonly logIn: (config?: ConnectConfig) => Promise<Client>
  readonly close: () => Promise<void>
}

export async function listenForDevices(): Promise<BridgeStandIn> {
  const sockets = new Set<Socket>()
  const arrived: Socket[] = []
  const waiting: ((socket: Socket) => void)[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    const next = waiting.shift()
    if (next === undefined) arrived.push(socket)
    else next(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const accept = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = arrived.shift()
      if (socket === undefined) waiting.push(resolve)
      else resolve(socket)
    })
  return {
    to: { host: '127.0.0.1', port },
    accept,
    logIn: async (config) => logInOn(await accept(), config),
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * Runs an SSH client on a socket; what comes before its SSH identification is skipped. Rejects when it may not log in.
 */
export function logInOn(sock: Socket, config: ConnectConfig = {}): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client()
    client.once('ready', () => resolve(client))
    client.on('error', reject)
    client.once('close', () => reject(new Error('closed before login')))
    client.connect({ username: 'netconf', password: 'right', ...config, sock })
  })
}

/** Opens a NETCONF channel. */
export function netconfChannel(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.subsys('netconf', (error, channel) => {
      if (error === undefined) resolve(channel)
      else reject(error)
    })
  })
}

/** Bytes of a socket until they satisfy a test, which leaves the socket paused. */
export function readUntil(socket: Socket, enough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const onData = (bytes: Buffer): void => {
      text += bytes.toString('latin1')
      if (!enough(text)) return
      socket.off('data', onData)
      socket.pause()
      resolve(text)
    }
    socket.on('data', onData)
    socket.resume()
  })
}
