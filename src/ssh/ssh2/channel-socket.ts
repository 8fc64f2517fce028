import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { ClientChannel, ServerChannel } from 'ssh2'

/** Bytes that wait here before those who write are asked to wait; what the channel itself holds comes on top. */
const HIGH_WATER_MARK = 256 * 1024

/**
 * A channel of a connection as the socket of another connection inside it, with as much of a socket as either side of
 * SSH looks at: its stream, `destroy`, how much it has read, and the far address, which is that of the connection
 * outside. Back-pressure passes through both ways when the channel was given to `governFlow`.
 * @param outside the socket below the connection that the channel is on
 */
export function socketOverChannel(channel: ServerChannel | ClientChannel, outside: Socket): Socket {
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = outside
  const socket = new Duplex({
    highWaterMark: HIGH_WATER_MARK,
    // As with a socket of a server: when the other side has ended, so do we.
    allowHalfOpen: false,
    read: () => void channel.resume(),
    write: (bytes: Buffer, _encoding, done) => {
      if (channel.writable) channel.write(bytes, () => done())
      else done()
    },
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
  let bytesRead = 0
  channel.on('data', (bytes: Buffer) => {
    bytesRead += bytes.length
    if (!socket.push(bytes)) channel.pause()
  })
  channel.once('end', () => socket.push(null))
  channel.once('close', lost)
  channel.on('error', lost)
  outside.once('close', lost)
  // There is no timer of TCP's to set.
  const surface = { remoteAddress, remotePort, remoteFamily, localAddress, localPort, setNoDelay: () => socket }
  Object.defineProperty(socket, 'bytesRead', { get: () => bytesRead })
  return Object.assign(socket, surface) as unknown as Socket
}
