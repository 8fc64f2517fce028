import type { Duplex } from 'node:stream'
import { createGiveWay } from '../lib/give-way.js'
import { onAbort } from '../lib/on-abort.js'
import { CAPABILITY, meetsNeed } from './capabilities.js'
import { DEFAULT_MAX_MESSAGE_SIZE } from './framing/frame-decoder.js'
import { encodeFrame } from './framing/frame-encoder.js'
import { createFramePartDecoder } from './framing/frame-parts.js'
import type { Framing } from './framing/framing.js'
import { createHeldFlow } from './held-flow.js'
import { agreeFraming, buildHello, parseHello } from './hello.js'
import { isNotification, type Notification, notificationOf } from './notification.js'
import { collectingSink, discardingSink, type StreamedReply, streamingSink } from './reply-sinks.js'
import {
  createRequestQueue,
  type PendingRequest,
  type ReceivedReply,
  type ReplyHead,
  type ReplySink,
} from './request-queue.js'
import { operation } from './rpc.js'
import { isReply } from './rpc-reply.js'
import { NetconfSessionError } from './session-error.js'
import {
  cancelled,
  framingFailed,
  notOffered,
  notSendable,
  sessionClosed,
  timedOut,
  tooBig,
  tooMany,
  unexpected,
} from './session-failures.js'
import { type SentOperation, writeRpc } from './written-operation.js'
import { findRootStartTag } from './xml/root-start-tag.js'
import { parseRootTag, parseXmlGently } from './xml/xml-parse.js'
import { serialiseXml } from './xml/xml-serialise.js'
import { attributeOf } from './xml/xml-tree.js'

/** How a client session behaves; times in milliseconds. */
export interface ClientSessionOptions {
  readonly capabilities?: readonly string[]
  readonly helloTimeout?: number
  /** For requests that give none of their own; undefined waits as long as the channel lives. */
  readonly replyTimeout?: number
  /** Bytes of a message that is held whole; a streamed reply has no bound. */
  readonly maxMessageSize?: number
  /** Bytes of a reply nobody wants any more that are read for the sake of the session; beyond them it ends. */
  readonly maxDiscarded?: number
  /** Requests that may await their reply at once. */
  readonly maxPending?: number
  readonly onNotification?: (notification: Notification) => void
  /** Told of the bytes of each message that is sent, framing included. */
  readonly onSent?: (bytes: number) => void
}

/** How a reply is awaited. */
export interface StreamOptions {
  /** Milliseconds until it begins. */
  readonly timeout?: number
  /** Gives up on it; the session goes on. */
  readonly signal?: AbortSignal
  /** Called whenever the reply's reader is slower than the peer, and so holds up whatever comes after it. */
  readonly onStall?: () => void
  /** Called when a reply that was given up before it began has come all the same. */
  readonly onDiscarded?: () => void
}

/** Our end of a NETCONF session. Requests are answered in order; several may be under way. */
export interface ClientSession {
  readonly sessionId: number
  readonly capabilities: readonly string[]
  readonly framing: Framing
  /** Sends one operation and resolves with its reply; rejects with `NetconfSessionError` when there will be none. */
  readonly request: (operation: SentOperation, options?: { readonly timeout?: number }) => Promise<ReceivedReply>
  /** The same, but resolves as soon as the reply begins; the rest is read from its body. */
  readonly stream: (operation: SentOperation, options?: StreamOptions) => Promise<StreamedReply>
  /** Whether somebody waits for a reply, or for the rest of one. */
  readonly awaitsReply: () => boolean
  /** Asks the server to close (`<close-session>`) and ends the channel, answered or not, within `timeout`. */
  readonly close: (timeout?: number) => Promise<void>
  /** Ends the channel at once. */
  readonly abort: (cause: string) => void
  /** Resolves with the reason once the session is over, whoever ended it. */
  readonly closed: Promise<NetconfSessionError>
}

const DEFAULT_HELLO_TIMEOUT = 60_000
const DEFAULT_CLOSE_TIMEOUT = 5_000
const DEFAULT_MAX_PENDING = 64
const DEFAULT_MAX_DISCARDED = 1024 * 1024
const DEFAULT_CAPABILITIES: readonly string[] = [CAPABILITY.base10, CAPABILITY.base11]
/** Bytes before the end of a message's first start tag: prolog, comments, attributes. */
const MAX_HEAD_SIZE = 64 * 1024
const MAX_HELLO_SIZE = 512 * 1024

/**
 * Exchanges hellos on a fresh channel and hands out the session. Longer than most, because what comes, what is asked
 * and how the session ends share their state, and no byte of a reply passes through another object.
 * @throws NetconfSessionError when the peer does not greet properly in time; the channel is then destroyed
 */
export function openClientSession(channel: Duplex, options: ClientSessionOptions = {}): Promise<ClientSession> {
  const ours = options.capabilities ?? DEFAULT_CAPABILITIES
  const maxMessageSize = options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE
  const decoder = createFramePartDecoder()
  const maxPending = options.maxPending ?? DEFAULT_MAX_PENDING
  const requests = createRequestQueue(maxPending)
  const flow = createHeldFlow(channel)
  const giveWay = createGiveWay()
  /** What the server's `<hello>` says. */
  let announced: readonly string[] = []
  let messages = 0
  /** Requests whose reply has not begun and whose caller has not given up. */
  let callers = 0
  let closing = false
  let over: NetconfSessionError | undefined

  return new Promise<ClientSession>((resolve, reject) => {
    let tellClosed: ((reason: NetconfSessionError) => void) | undefined
    const closed = new Promise<NetconfSessionError>((settle) => {
      tellClosed = settle
    })
    /** The message under way: what there is of it before its root is known, then where the rest goes. */
    let head: Buffer | undefined
    let sink: ReplySink | undefined

    const end = (reason: NetconfSessionError): void => {
      if (over !== undefined) return
      over = reason
      clearTimeout(helloTimer)
      channel.off('data', onData)
      sink?.fail(reason)
      requests.fail(reason)
      reject(reason)
      tellClosed?.(reason)
      channel.on('error', () => {})
      channel.destroy()
    }

    const send = (message: string): void => {
      const frame = encodeFrame(decoder.framing(), message)
      options.onSent?.(frame.length)
      channel.write(frame)
    }

    /** Counts a caller until the function that this gives is called, however often. */
    const awaiting = (): (() => void) => {
      let waits = true
      callers += 1
      return () => {
        if (waits) callers -= 1
        waits = false
      }
    }

    /**
     * Writes a request before it is queued: one that cannot be written must leave nothing behind that waits for a
     * reply.
     */
    const ask = (sent: SentOperation, pending: Omit<PendingRequest, 'messageId'>): void => {
      if (over !== undefined) return pending.fail(over)
      if ('needs' in sent && !meetsNeed(announced, sent.needs)) return pending.fail(notOffered(sent.needs))
      const messageId = String(messages + 1)
      const written = writeRpc(messageId, sent)
      if (!written.ok) return pending.fail(notSendable(written.error))
      messages += 1
      if (requests.add({ ...pending, messageId })) send(written.value)
      else pending.fail(tooMany(maxPending))
    }

    const discarding = (done?: () => void): ReplySink =>
      discardingSink(
        options.maxDiscarded ?? DEFAULT_MAX_DISCARDED,
        () => end(sessionClosed('a long reply was given up, and the session with it')),
        done,
      )

    const request: ClientSession['request'] = (sent, { timeout = options.replyTimeout } = {}) =>
      new Promise((answer, refuse) => {
        let givenUp = false
        const waitsNoMore = awaiting()
        const timer =
          timeout === undefined
            ? undefined
            : setTimeout(() => {
                givenUp = true
                waitsNoMore()
                refuse(timedOut(timeout))
              }, timeout)
        const fail = (reason: NetconfSessionError): void => {
          waitsNoMore()
          clearTimeout(timer)
          refuse(reason)
        }
        ask(sent, {
          fail,
          begin: (reply) => {
            waitsNoMore()
            if (givenUp) return discarding()
            return collectingSink(reply, maxMessageSize, {
              fail,
              tooBig: () => end(tooBig(maxMessageSize)),
              done: (bytes) => {
                clearTimeout(timer)
                answer({ ...(reply.messageId === undefined ? {} : { messageId: reply.messageId }), bytes })
              },
            })
          },
        })
      })

    const stream: ClientSession['stream'] = (sent, awaited = {}) =>
      new Promise((answer, refuse) => {
        const { timeout = options.replyTimeout, signal, onStall, onDiscarded } = awaited
        let givenUp = false
        const waitsNoMore = awaiting()
        const settled = (): void => {
          waitsNoMore()
          clearTimeout(timer)
          stopListening()
        }
        const giveUp = (reason: NetconfSessionError): void => {
          givenUp = true
          settled()
          refuse(reason)
        }
        const cancel = (): void => giveUp(cancelled())
        const timer = timeout === undefined ? undefined : setTimeout(() => giveUp(timedOut(timeout)), timeout)
        let stopListening = (): void => undefined
        stopListening = onAbort(signal, cancel)
        if (givenUp) return
        ask(sent, {
          fail: giveUp,
          begin: (reply) => {
            if (givenUp) return discarding(onDiscarded)
            settled()
            const streaming = streamingSink(flow, discarding(), onStall)
            answer({ ...reply, body: streaming.body })
            return streaming.sink
          },
        })
      })

    const close = async (timeout = DEFAULT_CLOSE_TIMEOUT): Promise<void> => {
      closing = true
      // Whether the server answers is its own affair: the session ends either way.
      await request(operation.closeSession(), { timeout }).catch(() => undefined)
      end(sessionClosed('the session was closed'))
    }

    const greeted = (message: Buffer): void => {
      const hello = parseHello(message)
      if (!hello.ok) return end(new NetconfSessionError('bad-hello', hello.error.cause, hello.error.hint))
      const { capabilities, sessionId } = hello.value
      if (sessionId === undefined) {
        return end(new NetconfSessionError('bad-hello', 'the <hello> has no <session-id>', 'is the peer a server?'))
      }
      const framing = agreeFraming(ours, capabilities)
      if (!framing.ok) return end(new NetconfSessionError('no-common-base', framing.error.cause, framing.error.hint))
      clearTimeout(helloTimer)
      decoder.switchTo(framing.value)
      begin = begun
      announced = capabilities
      resolve({
        sessionId,
        capabilities,
        framing: framing.value,
        request,
        stream,
        awaitsReply: () => over === undefined && (callers > 0 || sink !== undefined),
        close,
        abort: (cause) => end(sessionClosed(cause)),
        closed,
      })
    }

    /** Where the hello goes. */
    const greeting = (first: ReplyHead): ReplySink =>
      collectingSink(first, MAX_HELLO_SIZE, {
        done: greeted,
        tooBig: () => end(new NetconfSessionError('bad-hello', 'the <hello> is too long', 'is it a NETCONF server?')),
        fail: () => undefined,
      })

    /** Where a message goes, as its root tells; undefined where the session ended over it. */
    const begun = (first: ReplyHead): ReplySink | undefined => {
      if (isReply(first.root)) {
        const pending = requests.take(first.messageId)
        if (pending !== undefined) return pending.begin(first)
        end(unexpected(`a reply to message-id "${first.messageId ?? ''}", which awaits none`))
        return undefined
      }
      if (isNotification(first.root))
        return collectingSink(first, maxMessageSize, {
          done: notified,
          tooBig: () => end(tooBig(maxMessageSize)),
          fail: () => undefined,
        })
      end(unexpected(`<${first.root.name}>`))
      return undefined
    }

    /**
     * One after another, so that they stay in their order although a long one takes several turns, and many of them
     * too.
     */
    let notifying = Promise.resolve()
    const notified = (message: Buffer): void => {
      // No more of them are taken in than can be read.
      const release = flow.hold()
      notifying = notifying.then(async () => {
        await giveWay()
        const parsed = await parseXmlGently(message)
        const notification = parsed.ok ? notificationOf(parsed.value) : undefined
        if (notification !== undefined) options.onNotification?.(notification)
        release()
      })
    }

    const malformed = (cause: string, hint = 'the peer is at fault'): void =>
      end(new NetconfSessionError('malformed-message', cause, hint))

    const takeBytes = (bytes: Buffer): void => {
      if (sink !== undefined) return sink.write(bytes)
      head = head === undefined ? bytes : Buffer.concat([head, bytes])
      const tag = findRootStartTag(head)
      if (tag.kind === 'malformed') return malformed(tag.cause)
      if (tag.kind === 'incomplete') {
        if (head.length > MAX_HEAD_SIZE) malformed(`there is no element in its first ${MAX_HEAD_SIZE} octets`)
        return
      }
      const startTag = head.subarray(tag.start, tag.end)
      const root = parseRootTag(startTag)
      if (!root.ok) return malformed(root.error.cause, root.error.hint)
      const messageId = attributeOf(root.value, 'message-id')
      sink = begin({
        root: root.value,
        startTag,
        selfClosing: tag.selfClosing,
        ...(messageId === undefined ? {} : { messageId }),
      })
      const rest = head.subarray(tag.end)
      head = undefined
      if (rest.length > 0) sink?.write(rest)
    }

    const takeEnd = (): void => {
      const ended = sink
      sink = undefined
      if (ended === undefined) malformed('a message without an element')
      else ended.end()
    }

    let begin: (first: ReplyHead) => ReplySink | undefined = greeting
    const onData = (bytes: Buffer): void => {
      decoder.push(bytes)
      for (;;) {
        const part = over === undefined ? decoder.next() : undefined
        if (part === undefined) return
        if (part.kind === 'bytes') takeBytes(part.bytes)
        else if (part.kind === 'end') takeEnd()
        else end(framingFailed(part.error))
      }
    }

    const helloTimer = setTimeout(() => {
      end(new NetconfSessionError('hello-timeout', 'the peer sent no <hello> in time', 'is it a NETCONF server?'))
    }, options.helloTimeout ?? DEFAULT_HELLO_TIMEOUT)

    channel.on('data', onData)
    channel.on('error', (error) => {
      end(new NetconfSessionError('channel-failed', error.message, 'open a new session'))
    })
    for (const event of ['end', 'close']) {
      channel.once(event, () => {
        end(sessionClosed(closing ? 'the session was closed' : 'the peer closed the channel'))
      })
    }
    send(serialiseXml(buildHello({ capabilities: ours })))
  })
}
