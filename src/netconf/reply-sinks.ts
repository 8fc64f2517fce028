import { Readable } from 'node:stream'
import type { HeldFlow } from './held-flow.js'
import type { ReplyHead, ReplySink } from './request-queue.js'
import type { NetconfSessionError } from './session-error.js'

/** A reply whose rest is read as it comes. */
export interface StreamedReply extends ReplyHead {
  /**
   * What follows the start tag. Whoever does not read slows the peer down; destroying it drops the rest of the reply.
   */
  readonly body: Readable
}

/** Bytes of a reply that wait for their reader before the peer is slowed down. */
const READ_AHEAD = 256 * 1024

/** Drops a reply that nobody wants any more; `tooMuch` is called once it is longer than is worth reading. */
export function discardingSink(limit: number, tooMuch: () => void, done?: () => void): ReplySink {
  let dropped = 0
  return {
    write: (bytes) => {
      dropped += bytes.length
      if (dropped > limit) tooMuch()
    },
    end: () => done?.(),
    fail: () => undefined,
  }
}

/** Holds a whole reply. */
export function collectingSink(
  head: ReplyHead,
  limit: number,
  outcome: {
    readonly done: (bytes: Buffer) => void
    readonly tooBig: () => void
    readonly fail: (reason: NetconfSessionError) => void
  },
): ReplySink {
  const parts = [head.startTag]
  let length = head.startTag.length
  return {
    write: (bytes) => {
      length += bytes.length
      if (length > limit) outcome.tooBig()
      else parts.push(bytes)
    },
    end: () => outcome.done(Buffer.concat(parts)),
    fail: outcome.fail,
  }
}

/** Hands a reply on as it comes. `onStall` is called whenever its reader is slower than the peer. */
export function streamingSink(
  flow: HeldFlow,
  dropped: ReplySink,
  onStall: (() => void) | undefined,
): { readonly body: Readable; readonly sink: ReplySink } {
  let release: (() => void) | undefined
  const goOn = (): void => {
    release?.()
    release = undefined
  }
  const body = new Readable({
    highWaterMark: READ_AHEAD,
    read: goOn,
    destroy: (error, done) => {
      goOn()
      done(error)
    },
  })
  // Its reader hears of a failure as it reads; one that has not come yet must not bring the process down.
  body.on('error', () => undefined)
  const sink: ReplySink = {
    write: (bytes) => {
      if (body.destroyed) return dropped.write(bytes)
      if (body.push(bytes) || release !== undefined) return
      release = flow.hold()
      onStall?.()
    },
    // oxlint-disable-next-line unicorn/no-null -- the end of a stream of Node's
    end: () => void body.push(null),
    fail: (reason) => void body.destroy(reason),
  }
  return { body, sink }
}
