import type { SessionTransport } from './session-transport.js'

/** Writes to one channel, one message after another, never more than the connection takes. */
export interface ChannelWriter {
  /** Queues a message given whole or in parts that are made as they are needed; resolves once it was written. */
  readonly send: (message: Buffer | Iterable<Buffer>) => Promise<void>
  /** Bytes of whole messages that wait. */
  readonly waiting: () => number
}

const SLICE = 64 * 1024

/** A writer for a channel; what it has to write when the channel goes is dropped. */
export function createChannelWriter(transport: SessionTransport): ChannelWriter {
  let queue = Promise.resolve()
  let waiting = 0
  let gone = false
  let release: (() => void) | undefined
  transport.onGone(() => {
    gone = true
    release?.()
  })

  // Whatever is awaited, a channel that goes ends the wait: ssh2 never calls back for it.
  const wait = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      release = resolve
      begin(resolve)
    })

  // ssh2 takes bytes without looking at the socket, so each slice waits for the one before and for the socket.
  const write = async (bytes: Buffer): Promise<void> => {
    for (let start = 0; start < bytes.length; start += SLICE) {
      if (gone) return
      const slice = bytes.subarray(start, start + SLICE)
      await wait((done) => transport.channel.write(slice, () => done()))
      if (!gone) await wait(transport.afterDrain)
    }
  }

  const writeAll = async (parts: Iterable<Buffer>): Promise<void> => {
    for (const part of parts) {
      if (gone) return
      await write(part)
    }
  }

  return {
    send: (message) => {
      const parts = Buffer.isBuffer(message) ? [message] : message
      const size = Buffer.isBuffer(message) ? message.length : 0
      waiting += size
      const sent = queue.then(() => writeAll(parts))
      queue = sent.finally(() => {
        waiting -= size
      })
      return sent
    },
    waiting: () => waiting,
  }
}
