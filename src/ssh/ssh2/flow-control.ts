/** How much a peer may be sent, and may leave unread. ssh2's channels mind the peer's window and not the socket. */
import type { Readable, Writable } from 'node:stream'
import type { Client, ClientChannel, Connection, ServerChannel } from 'ssh2'
import { type Work, workOn } from '../../lib/current-work.js'
import { type ChannelInsides, type ConnectionInsides, inside, insideChannel } from './internals.js'

/**
 * Bytes that wait in a channel's own queues before its source is paused; more than one packet, far below the window.
 */
const CHANNEL_HIGH_WATER_MARK = 256 * 1024

const STANDARD_ERROR = 1

/**
 * Makes writes to a channel honour the peer's window *and* the socket: a write is done once its bytes were handed to a
 * socket that has room, outside a key re-exchange (during which ssh2 queues without bound). So `pipe()` stops the
 * source of a peer that does not read. Standard error of a server's channel goes the same way, in order.
 */
export function governFlow(channel: ServerChannel | ClientChannel): void {
  const insides = insideChannel(channel)
  const { outgoing, _client: connection } = insides
  const congestion = congestionOf(connection)
  const pending: { data: Buffer; readonly extended: boolean; readonly done: () => void }[] = []

  const pump = (): void => {
    let write = pending[0]
    while (write !== undefined) {
      if (outgoing.state !== 'open' || connection._sock.destroyed) {
        write.data = EMPTY
      } else if (write.data.length > 0) {
        if (congestion.congested()) return congestion.whenRelieved(pump)
        if (outgoing.window === 0) {
          insides._chunk = undefined
          insides._chunkcb = pump
          insides._waitWindow = true
          return
        }
        const size = Math.min(write.data.length, outgoing.window, Math.max(outgoing.packetSize, 1))
        const slice = write.data.subarray(0, size)
        outgoing.window -= size
        congestion.gather()
        if (write.extended) connection._protocol.channelExtData(outgoing.id, slice, STANDARD_ERROR)
        else connection._protocol.channelData(outgoing.id, slice)
        write.data = write.data.subarray(size)
      }
      if (write.data.length === 0) {
        pending.shift()
        write.done()
      }
      write = pending[0]
    }
  }
  const governed = (extended: boolean) => (data: Buffer, _encoding: string, done: () => void) => {
    pending.push({ data, extended, done })
    if (pending.length === 1) pump()
  }

  Object.assign(channel, { _write: governed(false) })
  insides._readableState.highWaterMark = CHANNEL_HIGH_WATER_MARK
  insides._writableState.highWaterMark = CHANNEL_HIGH_WATER_MARK
  const stderr = channel.stderr as unknown as Writable | undefined
  if (stderr !== undefined && '_write' in stderr) Object.assign(stderr, { _write: governed(true) })
  grantNothingOnceClosed(channel)
  const close = channel.close.bind(channel)
  // Whoever waits for a write must hear of a close too, even when the peer's window never opens again.
  channel.close = (...exit: unknown[]) => {
    ;(close as (...exit: unknown[]) => void)(...exit)
    congestion.forget(pump)
    pump()
  }
  congestion.remember(pump)
  refuseBeyondWindow(channel)
}

type Outgoing = ChannelInsides['outgoing']

/**
 * By connection, the channels that were closed towards its peer, as it numbers them. It gives a number again once it
 * has closed its own side too.
 */
const closedTowards = new WeakMap<ConnectionInsides, Map<number, Outgoing>>()

/**
 * Sends no credit for a channel after its close (RFC 4254 §5.3). ssh2 does, as what had come before is read and thrown
 * away; asyncssh, which has forgotten the channel by then, ends the whole connection over it.
 */
function grantNothingOnceClosed(channel: ServerChannel | ClientChannel): void {
  const { outgoing, _client: connection } = insideChannel(channel)
  const closed = closedTowards.get(connection) ?? guardGrants(connection)
  const close = channel.close.bind(channel)
  channel.close = (...exit: unknown[]) => {
    ;(close as (...exit: unknown[]) => void)(...exit)
    if (outgoing.state === 'closing') closed.set(outgoing.id, outgoing)
  }
}

function guardGrants(connection: ConnectionInsides): Map<number, Outgoing> {
  const closed = new Map<number, Outgoing>()
  closedTowards.set(connection, closed)
  const { _protocol: protocol } = connection
  const grant = protocol.channelWindowAdjust.bind(protocol)
  protocol.channelWindowAdjust = (id, bytes) => {
    if (closed.get(id)?.state === 'closing') return
    closed.delete(id)
    grant(id, bytes)
  }
  return closed
}

/** Ends the connection of a peer that sends more than the window allows; ssh2 would keep all of it. */
function refuseBeyondWindow(channel: ServerChannel | ClientChannel): void {
  const { incoming, _client: connection } = insideChannel(channel)
  const guard = (stream: Readable): void => {
    const push = stream.push.bind(stream)
    stream.push = (data: Buffer | null) => {
      if (data === null || incoming.window >= 0) return push(data)
      connection._sock.destroy()
      return false
    }
  }
  guard(channel)
  if ('_read' in channel.stderr) guard(channel.stderr)
}

/**
 * Tells whose bytes the event loop works on, each time before ssh2 reads some. For a connection that is being read
 * already.
 */
export function nameWork(connection: Client | Connection, work: Work): void {
  inside(connection)._sock.prependListener('data', () => workOn(work))
}

/**
 * Bytes, and packets held back during a key re-exchange, that a peer may leave unread. Channel data alone stays far
 * below.
 */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024
const MAX_HELD_PACKETS = 10_000

/**
 * Ends the connection of a peer that makes us answer without reading the answers (to global requests, say):
 * channel data is governed, but ssh2 writes every other answer whether or not the socket has room.
 */
export function boundUnreadAnswers(connection: Client | Connection): void {
  const { _sock: socket, _protocol: protocol } = inside(connection)
  socket.on('data', () => {
    if (socket.writableLength > MAX_UNREAD_BYTES || (protocol._queue?.length ?? 0) > MAX_HELD_PACKETS) socket.destroy()
  })
}

const EMPTY = Buffer.alloc(0)

export interface Congestion {
  /** The socket holds more than it should, or a key re-exchange is under way. */
  readonly congested: () => boolean
  readonly whenRelieved: (resume: () => void) => void
  /**
   * Lets what is written until the end of this turn of the event loop go out in one system call: the packets of many
   * channels, say.
   */
  readonly gather: () => void
  /** Keeps a pump until its channel closes: it is run when the connection is lost. */
  readonly remember: (pump: () => void) => void
  readonly forget: (pump: () => void) => void
}

const congestions = new WeakMap<ConnectionInsides, Congestion>()

export function congestionOf(connection: ConnectionInsides): Congestion {
  const known = congestions.get(connection)
  if (known !== undefined) return known
  const { _sock: socket, _protocol: protocol } = connection
  const pumps = new Set<() => void>()
  let waiting: (() => void)[] = []
  const wake = (): void => {
    const ready = waiting
    waiting = []
    for (const resume of ready) resume()
  }
  socket.on('drain', wake)
  socket.once('close', () => {
    for (const pump of pumps) pump()
    pumps.clear()
  })
  connection.on('handshake', wake)
  let packets = 0
  let gathering = false
  const endTurn = (): void => {
    packets = 0
    if (!gathering) return
    gathering = false
    socket.uncork()
  }
  const congestion: Congestion = {
    gather: () => {
      packets += 1
      if (packets === 1) setImmediate(endTurn)
      // The first packet of a connection with one channel would wait for no other.
      if (gathering || (packets === 1 && pumps.size < 2)) return
      gathering = true
      socket.cork()
    },
    congested: () => !socket.destroyed && (socket.writableNeedDrain || protocol._kexinit !== undefined),
    whenRelieved: (resume) => {
      if (!waiting.includes(resume)) waiting.push(resume)
    },
    remember: (pump) => pumps.add(pump),
    forget: (pump) => pumps.delete(pump),
  }
  congestions.set(connection, congestion)
  return congestion
}
