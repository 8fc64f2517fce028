import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { within } from '../../e2e/parts/wait-for.js'

/** What a device of the matrix says when its input has ended. */
export const STATUS = 7
/** Bytes of the large trial, each way. */
export const BULK = 3_000_000
/** How many channels are open at a time in the trial of several. */
export const CHANNELS = 5
/** How long nothing is said in the trial of that, in milliseconds: at several keepalives of the bridge. */
export const IDLE = 4_500
/** Milliseconds between two keepalives there. */
export const KEEPALIVE = 500
/** As many may stay unanswered: fewer than fit into the silence, and more than a busy machine is late by. */
export const UNANSWERED = 6
/** Bytes after which a peer is told to exchange keys anew. */
export const REKEY = 700_000
/** Milliseconds until something small has to be there, on a machine that does other things too. */
export const SOON = 15_000

/** Bytes of which no part equals another, so that what is lost or swapped shows. */
export function patternOf(bytes: number, seed = 0): Buffer {
  const buffer = Buffer.alloc(Math.ceil(bytes / 4) * 4)
  for (let at = 0; at < buffer.length; at += 4) buffer.writeUInt32BE((at * 2_654_435_761 + seed * 97) >>> 0, at)
  return buffer.subarray(0, bytes)
}

export function sha256(...parts: readonly Buffer[]): string {
  const hash: Hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Sends so many bytes to something that echoes, and throws where another thing comes back. */
export async function echo(channel: Duplex, bytes: number, seed = 0): Promise<void> {
  const sent = patternOf(bytes, seed)
  const heard: Buffer[] = []
  let count = 0
  let closed = (): void => undefined
  const all = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      heard.push(chunk)
      count += chunk.length
      if (count < bytes) return
      channel.off('data', take)
      resolve()
    }
    channel.on('data', take)
    // What is short is a refusal of the bridge.
    const said = (): string =>
      Buffer.concat(heard)
        .subarray(0, 400)
        .toString('latin1')
        .replaceAll(/<[^>]*>/g, ' ')
    closed = () =>
      reject(new Error(`the channel was closed after ${count} of ${bytes} bytes${count < 800 ? `: ${said()}` : ''}`))
    channel.once('close', closed)
  })
  all.catch(() => undefined)
  const write = async (): Promise<void> => {
    for (let at = 0; at < bytes; at += 32_768)
      if (!channel.write(sent.subarray(at, at + 32_768))) await once(channel, 'drain')
  }
  const both = Promise.all([all, write()])
  await within(3 * SOON, () => `the echo of ${bytes} bytes; ${count} are there`, both).finally(() =>
    channel.off('close', closed),
  )
  if (sha256(...heard) !== sha256(sent)) throw new Error(`${count} bytes came back for ${bytes}, and others than sent`)
}
