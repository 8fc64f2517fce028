import type { Duplex } from 'node:stream'
import { CAPABILITY } from './capabilities.js'
import { createFrameDecoder, DEFAULT_MAX_MESSAGE_SIZE } from './frame-decoder.js'
import { encodeFrame } from './frame-encoder.js'
import type { Framing, FramingError } from './framing.js'
import { agreeFraming, buildHello, parseHello } from './hello.js'
import { isNotification, type Notification, notificationOf } from './notification.js'
import { createRequestQueue, type ReceivedReply } from './request-queue.js'
import { buildRpc, operation } from './rpc.js'
import { isReply } from './rpc-reply.js'
import { NetconfSessionError } from './session-error.js'
import { parseRootTag, parseXml } from './xml-parse.js'
import { serialiseXml } from './xml-serialise.js'
import { attributeOf, type XmlElement } from './xml-tree.js'

/** How a client session behaves; times in milliseconds. */
export interface ClientSessionOptions {
  readonly capabilities?: readonly string[]
  readonly helloTimeout?: number
  /** For requests that give none of their own; undefined waits as long as the channel lives. */
  readonly replyTimeout?: number
  readonly maxMessageSize?: number
  /** Requests that may await their reply at once. */
  readonly maxPending?: number
  readonly onNotification?: (notification: Notification) => void
}

/** Our end of a NETCONF session. Requests are answered in order; several may be under way. */
export interface ClientSession {
  readonly sessionId: number
  readonly capabilities: readonly string[]
  readonly framing: Framing
  /** Sends one operation and resolves with its reply; rejects with `NetconfSessionError` when there will be none. */
  readonly request: (operation: XmlElement, options?: { readonly timeout?: number }) => Promise<ReceivedReply>
  /** Asks the server to close (`<close-session>`) and ends the channel, answered or not, within `timeout`. */
  readonly close: (timeout?: number) => Promise<void>
  /** Resolves with the reason once the session is over, whoever ended it. */
  readonly closed: Promise<NetconfSessionError>
}

const DEFAULT_HELLO_TIMEOUT = 60_000
const DEFAULT_CLOSE_TIMEOUT = 5_000
const DEFAULT_MAX_PENDING = 64
const DEFAULT_CAPABILITIES: readonly string[] = [CAPABILITY.base10, CAPABILITY.base11]

/**
 * Exchanges hellos on a fresh channel and hands out the session.
 * @throws NetconfSessionError when the peer does not greet properly in time; the channel is then destroyed
 */
export function openClientSession(channel: Duplex, options: ClientSessionOptions = {}): Promise<ClientSession> {
  const ours = options.capabilities ?? DEFAULT_CAPABILITIES
  const decoder = createFrameDecoder({ maxMessageSize: options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE })
  const requests = createRequestQueue(options.maxPending ?? DEFAULT_MAX_PENDING)
  let messages = 0
  let closing = false
  let over: NetconfSessionError | undefined

  return new Promise<ClientSession>((resolve, reject) => {
    let tellClosed: ((reason: NetconfSessionError) => void) | undefined
    const closed = new Promise<NetconfSessionError>((settle) => {
      tellClosed = settle
    })

    const end = (reason: NetconfSessionError): void => {
      if (over !== undefined) return
      over = reason
      clearTimeout(helloTimer)
      channel.off('data', onData)
      requests.fail(reason)
      reject(reason)
      tellClosed?.(reason)
      channel.on('error', () => {})
      channel.destroy()
    }

    const send = (message: XmlElement): void => {
      channel.write(encodeFrame(decoder.framing(), serialiseXml(message)))
    }

    const request = (sent: XmlElement, timeout = options.replyTimeout): Promise<ReceivedReply> => {
      if (over !== undefined) return Promise.reject(over)
      messages += 1
      const messageId = String(messages)
      const reply = requests.add(messageId, timeout)
      if (reply.accepted) send(buildRpc(messageId, sent))
      return reply.received
    }

    const close = async (timeout = DEFAULT_CLOSE_TIMEOUT): Promise<void> => {
      closing = true
      // Whether the server answers is its own affair: the session ends either way.
      await request(operation.closeSession(), timeout).catch(() => undefined)
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
      take = received
      resolve({
        sessionId,
        capabilities,
        framing: framing.value,
        request: (sent, more) => request(sent, more?.timeout ?? options.replyTimeout),
        close,
        closed,
      })
    }

    const received = (message: Buffer): void => {
      const root = parseRootTag(message)
      if (!root.ok) return end(new NetconfSessionError('malformed-message', root.error.cause, root.error.hint))
      if (isReply(root.value)) {
        const messageId = attributeOf(root.value, 'message-id')
        const known = requests.answer({ ...(messageId === undefined ? {} : { messageId }), bytes: message })
        if (!known) end(unexpected(`a reply to message-id "${messageId ?? ''}", which awaits none`))
      } else if (isNotification(root.value)) {
        const parsed = parseXml(message)
        const notification = parsed.ok ? notificationOf(parsed.value) : undefined
        if (notification !== undefined) options.onNotification?.(notification)
      } else {
        end(unexpected(`<${root.value.name}>`))
      }
    }

    let take = greeted
    const onData = (bytes: Buffer): void => {
      decoder.push(bytes)
      for (;;) {
        const frame = over === undefined ? decoder.next() : undefined
        if (frame === undefined) return
        if (frame.kind === 'error') end(framingFailed(frame.error))
        else take(frame.bytes)
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
    send(buildHello({ capabilities: ours }))
  })
}

function unexpected(what: string): NetconfSessionError {
  return new NetconfSessionError('unexpected-message', `the peer sent ${what}`, 'the peer is at fault')
}

function framingFailed(error: FramingError): NetconfSessionError {
  const code = error.kind === 'invalid-chunk' ? 'invalid-framing' : 'message-too-big'
  return new NetconfSessionError(code, error.cause, error.hint)
}

function sessionClosed(cause: string): NetconfSessionError {
  return new NetconfSessionError('session-closed', cause, 'open a new session')
}
