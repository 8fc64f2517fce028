import { Writable } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { governFlow } from '../ssh/ssh2/flow-control.js'
import { openSessionChannel } from '../ssh/ssh2/open-session.js'
import { createLineQueue, type LineQueue, type LineQueueOptions } from './line-queue.js'
import type { NodeLife } from './peer-messages.js'
import { controlCommand } from './read-peer-command.js'

/**
 * Opens the control channel on a connection to a peer: what this node says to it goes there, and nothing comes back.
 * What is said before the channel is open waits.
 */
export function openControl(client: Client, self: NodeLife, options: LineQueueOptions): LineQueue {
  let opened: ClientChannel | undefined
  let begin: () => void = () => undefined
  const isOpen = new Promise<void>((resolve) => {
    begin = resolve
  })
  openSessionChannel(client, { kind: 'exec', command: controlCommand(self) }, (_refusal, session) => {
    // A peer that refuses its control channel is none: whoever dialled it learns that from the end of the connection.
    if (session === undefined) {
      client.end()
      return
    }
    const { channel } = session
    governFlow(channel)
    channel.on('error', () => undefined)
    channel.resume()
    channel.stderr.resume()
    channel.once('close', () => client.end())
    opened = channel
    begin()
  })
  const stream = new Writable({
    highWaterMark: 64 * 1024,
    write: (bytes: Buffer, _encoding, done) => {
      const write = (): void => {
        if (opened?.writable !== true) return done()
        opened.write(bytes, () => done())
      }
      if (opened === undefined) whenOpen(isOpen, write)
      else write()
    },
  })
  return createLineQueue(stream, options)
}

function whenOpen(isOpen: Promise<void>, write: () => void): void {
  isOpen.then(write).catch(() => undefined)
}
