import { NetconfSessionError } from './session-error.js'

/** A reply as it came, still to be parsed with `parseRpcReply` by whoever needs what is in it. */
export interface ReceivedReply {
  readonly messageId?: string
  readonly bytes: Buffer
}

/** Requests that await their reply, oldest first, as servers answer in order (RFC 6241 §4.5). */
export interface RequestQueue {
  /** Queues a request; `accepted` is false when the queue is full, and `received` then rejects. */
  readonly add: (
    messageId: string,
    timeout: number | undefined,
  ) => { readonly accepted: boolean; readonly received: Promise<ReceivedReply> }
  /** Gives a reply to its request; false when none awaits it. */
  readonly answer: (reply: ReceivedReply) => boolean
  /** Rejects everything that waits. */
  readonly fail: (reason: NetconfSessionError) => void
}

interface Pending {
  readonly messageId: string
  readonly settle: (outcome: ReceivedReply | NetconfSessionError) => void
}

/** @param maxPending requests that may wait at once, those whose caller gave up included: their replies still come */
export function createRequestQueue(maxPending: number): RequestQueue {
  const pending: Pending[] = []

  return {
    add: (messageId, timeout) => {
      if (pending.length >= maxPending) {
        return { accepted: false, received: Promise.reject(tooMany(maxPending)) }
      }
      const received = new Promise<ReceivedReply>((resolve, reject) => {
        const timer =
          timeout === undefined ? undefined : setTimeout(() => reject(timedOut(messageId, timeout)), timeout)
        const settle = (outcome: ReceivedReply | NetconfSessionError): void => {
          clearTimeout(timer)
          if (outcome instanceof NetconfSessionError) reject(outcome)
          else resolve(outcome)
        }
        pending.push({ messageId, settle })
      })
      return { accepted: true, received }
    },
    answer: (reply) => {
      // A reply without message-id can only be told by its turn.
      const at = reply.messageId === undefined ? 0 : pending.findIndex((one) => one.messageId === reply.messageId)
      const [found] = at === -1 ? [] : pending.splice(at, 1)
      found?.settle(reply)
      return found !== undefined
    },
    fail: (reason) => {
      for (const one of pending.splice(0)) one.settle(reason)
    },
  }
}

function tooMany(limit: number): NetconfSessionError {
  return new NetconfSessionError('too-many-requests', `${limit} requests await their replies`, 'wait for some of them')
}

function timedOut(messageId: string, timeout: number): NetconfSessionError {
  return new NetconfSessionError(
    'reply-timeout',
    `no reply to message-id ${messageId} within ${timeout} ms`,
    'give the request more time, or close the session',
  )
}
