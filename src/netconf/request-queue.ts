import type { NetconfSessionError } from './session-error.js'
import type { XmlElement } from './xml/xml-tree.js'

/** A reply as it came, still to be parsed with `parseRpcReply` by whoever needs what is in it. */
export interface ReceivedReply {
  readonly messageId?: string
  readonly bytes: Buffer
}

/** The beginning of a reply, before the rest of it is there. */
export interface ReplyHead {
  readonly messageId?: string
  /** `<rpc-reply>` with its attributes and declarations, without children. */
  readonly root: XmlElement
  /** The same as it came. */
  readonly startTag: Buffer
  /** `<rpc-reply/>`: nothing follows. */
  readonly selfClosing: boolean
}

/** Takes what follows a head, part by part. Either `end` or `fail` is called last. */
export interface ReplySink {
  readonly write: (bytes: Buffer) => void
  readonly end: () => void
  readonly fail: (reason: NetconfSessionError) => void
}

/** A request whose reply has not begun. */
export interface PendingRequest {
  readonly messageId: string
  /** Its reply begins. */
  readonly begin: (head: ReplyHead) => ReplySink
  /** There will be none. */
  readonly fail: (reason: NetconfSessionError) => void
}

/** Requests that await their reply, oldest first, as servers answer in order (RFC 6241 §4.5). */
export interface RequestQueue {
  /** Queues a request; false when the queue is full. */
  readonly add: (request: PendingRequest) => boolean
  /**
   * Takes out the request that a reply is for: the one of that id, or without one the oldest. Undefined when none
   * awaits it.
   */
  readonly take: (messageId: string | undefined) => PendingRequest | undefined
  /** Fails everything that waits. */
  readonly fail: (reason: NetconfSessionError) => void
}

/** @param maxPending requests that may wait at once, those whose caller gave up included: their replies still come */
export function createRequestQueue(maxPending: number): RequestQueue {
  const pending: PendingRequest[] = []
  return {
    add: (request) => {
      if (pending.length >= maxPending) return false
      pending.push(request)
      return true
    },
    take: (messageId) => {
      // A reply without message-id can only be told by its turn.
      const at = messageId === undefined ? 0 : pending.findIndex((one) => one.messageId === messageId)
      return at === -1 ? undefined : pending.splice(at, 1)[0]
    },
    fail: (reason) => {
      for (const one of pending.splice(0)) one.fail(reason)
    },
  }
}
