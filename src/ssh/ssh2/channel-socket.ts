import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { ServerChannel } from 'ssh2'

/** Bytes that wait here before those who write are asked to wait; what the channel itself holds comes on top. */
const HIGH_WATER_MARK = 256 * 1024

/**
 * A channel of a client's connection as the socket of another connection inside it, with as much of a socket as SSH
 * servers look at: its stream, `destroy`, and the far address, which is that of the connection outside. Back-pressure
 * passes through both ways when the channel was given to `governFlow`.
 * @param outside the socket below the connection that the channel is on
 */
export function socketOverChannel(channel: ServerChannel, outside: Socket): Socket {
  const pass = (bytes: Buffer, done: () => void): void => {
    if (channel.writable) channel.write(bytes, () => done())
    else done()
  }
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = outside
  const socket = new Duplex({
    highWaterMark: HIGH_WATER_MARK,
    // As with a socket of a server: when the other side has ended, so do we.
    allowHalfOpen: false,
    read: () => void channel.resume(),
    // Not at once: without its compiled addon, ssh2 writes in the midst of encrypting a packet, and the connection
    // outside must not encrypt one meanwhile, because all connections share the buffer that chacha20's counter is in.
    write: (bytes: Buffer, _encoding, done) => process.nextTick(pass, bytes, done),
    final: (done) => {
      channel.end()
      done()
    },
    destroy: (error, done) => {
      outside.off('close', lost)
      channel.close()
      // What nobody reads any more would keep the channel from closing.
      channel.resume()
      done(error)
    },
  })
  const lost = (): void => void socket.destroy()
  channel.on('data', (bytes: Buffer) => {
    if (!socket.push(bytes)) channel.pause()
  })
  channel.once('end', () => socket.push(null))
  channel.once('close', lost)
  channel.on('error', lost)
  outside.once('close', lost)
  // There is no timer of TCP's to set.
  const surface = { remoteAddress, remotePort, remoteFamily, localAddress, localPort, setNoDelay: () => socket }
  return Object.assign(socket, surface) as unknown as Socket
}
