import { once } from 'node:events'
import ssh2, {
  type Algorithms,
  type Client,
  type ClientChannel,
  type ConnectConfig,
  type Connection,
  type ServerChannel,
} from 'ssh2'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { socketOf } from '../../../src/ssh/ssh2/connections.js'

/** A channel seen from both sides. */
export interface ChannelPair {
  readonly server: ServerChannel
  readonly client: ClientChannel
  /** Settles when the client closed it, whatever of it is unread. */
  readonly clientGone: Promise<void>
}

/** What a server does with a request for a subsystem: takes it, or turns it down. */
export type Serve = (
  connection: Connection,
  accept: () => ServerChannel,
  reject: () => void,
  name: string,
) => ServerChannel | undefined

export interface SshPair {
  readonly connection: Connection
  readonly client: Client
  /** Opens a channel; with a window and a packet size where other ones than ssh2's own are wanted. */
  readonly open: (window?: number, packetSize?: number) => Promise<ChannelPair>
  readonly stop: () => void
}

export interface SshPairOptions {
  readonly serve?: Serve
  readonly onConnection?: (connection: Connection) => void
  readonly connect?: (client: Client) => Partial<ConnectConfig>
  /** How the client begins; by its own `connect()` unless given. */
  readonly connectBy?: (client: Client, config: ConnectConfig) => void
  /** What the server offers. */
  readonly algorithms?: Algorithms
}

/** What tests must know of ssh2 to play a peer that ssh2 itself never is. */
export interface Insides {
  readonly _chanMgr: { readonly add: (opened: (error: Error | undefined, channel: ClientChannel) => void) => number }
  readonly _protocol: {
    readonly rekey: () => void
    readonly service: (name: string) => void
    readonly subsystem: (id: number, name: string, wantReply: boolean) => void
    readonly session: (id: number, window: number, packetSize: number) => void
    readonly channelWindowAdjust: (id: number, bytes: number) => void
  }
}

export const insidesOf = (connection: Client | Connection): Insides => connection as unknown as Insides

const hostKey = generatePrivateKey('ed25519', 'test')

/** An ssh2 server and an ssh2 client that has logged in there, on the loopback address. */
export async function openSshPair(options: SshPairOptions = {}): Promise<SshPair> {
  const serve: Serve = options.serve ?? ((_connection, accept) => accept())
  const served: Omit<ChannelPair, 'client'>[] = []
  const server = new ssh2.Server({
    hostKeys: [hostKey],
    ...(options.algorithms === undefined ? {} : { algorithms: options.algorithms }),
  })
  const connected = new Promise<Connection>((resolve) => {
    server.on('connection', (connection) => {
      connection.on('error', () => undefined)
      connection.on('authentication', (context) => context.accept())
      connection.on('session', (accept) => {
        const session = accept()
        const clientGone = new Promise<void>((resolve) => session.once('close', () => resolve()))
        session.on('subsystem', (take, reject, { name }) => {
          const server = serve(connection, take, reject, name)
          if (server !== undefined) served.push({ server, clientGone })
        })
      })
      options.onConnection?.(connection)
      resolve(connection)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new ssh2.Client()
  const stop = (): void => {
    socketOf(client).destroy()
    server.close()
  }
  const ready = once(client, 'ready')
  const { port } = server.address() as { port: number }
  const config = { port, host: '127.0.0.1', username: 'test', password: 'any', ...options.connect?.(client) }
  if (options.connectBy === undefined) client.connect(config)
  else options.connectBy(client, config)
  const connection = await connected
  try {
    await ready
  } catch (error) {
    stop()
    throw error
  }
  client.on('error', () => undefined)
  return {
    connection,
    client,
    open: async (window, packetSize) => {
      const far = await openSubsystem(client, window, packetSize)
      const near = served.find(({ server }) => numbersOf(server).outgoing.id === numbersOf(far).incoming.id)
      if (near === undefined) throw new Error('the server took no channel')
      return { ...near, client: far }
    },
    stop,
  }
}

/** The numbers that either side has given a channel. */
function numbersOf(channel: ServerChannel | ClientChannel) {
  return channel as unknown as {
    readonly incoming: { readonly id: number }
    readonly outgoing: { readonly id: number }
  }
}

/** The bytes that a peer may be sent from the start, and the largest packet, as ssh2 has them. */
const usual = { window: 2 * 1024 * 1024, packetSize: 32 * 1024 }

function openSubsystem(client: Client, window = usual.window, packetSize = usual.packetSize): Promise<ClientChannel> {
  const { _protocol: protocol, _chanMgr: channels } = insidesOf(client)
  return new Promise((resolve, reject) => {
    const opened = (error: Error | undefined, channel: ClientChannel): void => {
      if (error !== undefined) return reject(error)
      const { _callbacks: callbacks } = channel as unknown as { readonly _callbacks: ((failed: boolean) => void)[] }
      callbacks.push((failed) => (failed ? reject(new Error('the request was refused')) : resolve(channel)))
      protocol.subsystem(numbersOf(channel).outgoing.id, 'any', true)
    }
    protocol.session(channels.add(Object.assign(opened, { type: 'session' })), window, packetSize)
  })
}

/** Grants the server so many bytes more on a channel. */
export function grant(client: Client, channel: ClientChannel, bytes: number): void {
  const { _protocol: protocol } = insidesOf(client)
  protocol.channelWindowAdjust(numbersOf(channel).outgoing.id, bytes)
}

/** Starts a new key exchange from one side. */
export function rekey(side: Client | Connection): void {
  const { _protocol: protocol } = insidesOf(side)
  protocol.rekey()
}
