import type { Framing } from '../../../netconf/framing/framing.js'
import { createMessageScanner } from '../../../netconf/framing/message-scanner.js'
import { peekRoot } from '../../../netconf/peek-root.js'
import type { ByteSink } from '../../../relay/byte-sink.js'
import type { ReplyOrder } from './reply-order.js'

/** A device's bytes on their way to the client, untouched, with replies of our own between its messages. */
export interface GuardedReplies {
  readonly sink: ByteSink
  /** The framing after the hellos; nothing is inserted before it is known. */
  readonly switchTo: (framing: Framing) => void
  /** Lets out the replies whose turn has come, unless a message of the device is under way. */
  readonly insertDue: () => void
}

export interface GuardedRepliesOptions {
  readonly toClient: ByteSink
  readonly order: ReplyOrder
  /** Told of the device's first message, undefined where it is larger than any hello. */
  readonly onHello: (message: Buffer | undefined) => void
  /** Told when the bytes are no framing, so that no message can be found any more. */
  readonly onBroken: (cause: string) => void
}

/** Bytes of a device's hello: one with many YANG modules has much to say. */
const MAX_HELLO_SIZE = 1024 * 1024

/** Bytes of a message in which its root element is looked for. */
const HEAD_SIZE = 4096

/** Bytes that a device may send behind its hello before the client has said its own. */
const MAX_EARLY = 64 * 1024

export function createGuardedReplies({ toClient, order, onHello, onBroken }: GuardedRepliesOptions): GuardedReplies {
  let state: 'greeting' | 'undecided' | 'decided' | 'broken' = 'greeting'
  const early: Buffer[] = []
  let passing: Buffer = Buffer.alloc(0)
  let passed = 0
  let ended = false

  const passUpTo = (end: number): void => {
    if (end > passed) toClient.take(passing.subarray(passed, end))
    passed = end
  }
  const insert = (): void => {
    for (const reply of order.takeDue()) toClient.take(reply)
  }

  const scanner = createMessageScanner({
    headSize: MAX_HELLO_SIZE,
    onMessage: ({ head, bytes, end }) => {
      passUpTo(end)
      if (state === 'greeting') {
        state = 'undecided'
        scanner.keep(HEAD_SIZE)
        onHello(head.length === bytes ? head : undefined)
        // Telling may have decided it.
        if (isUndecided()) scanner.pause()
        return
      }
      if (!isNotification(head)) order.answered()
      insert()
    },
    onBroken: ({ cause }) => {
      state = 'broken'
      onBroken(cause)
    },
  })
  const isUndecided = (): boolean => state === 'undecided'

  const pass = (bytes: Buffer): void => {
    if (state === 'undecided') return hold(bytes)
    passing = bytes
    passed = 0
    const scanned = scanner.push(bytes)
    passUpTo(scanned)
    if (scanned < bytes.length) hold(bytes.subarray(scanned))
  }
  const hold = (bytes: Buffer): void => {
    early.push(bytes)
    if (early.reduce((sum, { length }) => sum + length, 0) > MAX_EARLY)
      onBroken('it sent more than its <hello> before the client had sent one')
  }
  const release = (): void => {
    for (const bytes of early.splice(0)) pass(bytes)
  }

  const sink: ByteSink = {
    take: (bytes) => {
      try {
        pass(bytes)
      } catch (error) {
        onBroken(`it could not be followed: ${String(error)}`)
      }
    },
    hasRoom: toClient.hasRoom,
    whenRoom: toClient.whenRoom,
    end: () => {
      if (ended) return
      ended = true
      for (const bytes of early.splice(0)) toClient.take(bytes)
      toClient.end()
    },
  }

  return {
    sink,
    switchTo: (framing) => {
      state = 'decided'
      scanner.switchTo(framing)
      release()
    },
    insertDue: () => {
      if (state === 'decided' && scanner.atBoundary() && !ended) insert()
    },
  }
}

/** Everything else that a server says answers a request, whatever it is. */
function isNotification(head: Buffer): boolean {
  return peekRoot(head, head.length, ({ name }) => name) === 'notification'
}
