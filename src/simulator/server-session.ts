import { inBackground } from '../lib/background.js'
import { createFrameDecoder } from '../netconf/framing/frame-decoder.js'
import { encodeFrame } from '../netconf/framing/frame-encoder.js'
import { agreeFraming, buildHello, parseHello } from '../netconf/hello.js'
import { rpcError } from '../netconf/rpc-error.js'
import { buildRpcReply } from '../netconf/rpc-reply.js'
import { parseXml } from '../netconf/xml/xml-parse.js'
import { serialiseXml } from '../netconf/xml/xml-serialise.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import { createChannelWriter } from './channel-writer.js'
import type { Faults } from './faults.js'
import { generatedReply } from './generated-reply.js'
import type { Dialect } from './dialect.js'
import { type Actor, sessionEndEvent, sessionStartEvent, type TerminationReason } from './netconf-events.js'
import type { ServerDevice, ServerSessionHandle } from './server-call.js'
import { type AnsweredRpc, answerRpc } from './server-dispatch.js'
import type { SessionTransport } from './session-transport.js'
import { createSubscription } from './subscription.js'

/** What a session needs besides its transport. */
export interface ServerSessionContext {
  readonly device: ServerDevice
  readonly dialect: Dialect
  readonly interleave: boolean
  readonly faults: Faults
  readonly maxMessageSize: number
  /** Called once, after the session gave up all it held. */
  readonly onEnd: (reason: TerminationReason) => void
}

/** Notifications to a client that reads nothing are dropped beyond this many bytes. */
const MAX_WAITING_NOTIFICATIONS = 1024 * 1024

/** Serves one NETCONF session: hello, then one request after the other, reading no further than it has answered. */
export function serveSession(
  transport: SessionTransport,
  sessionId: number,
  context: ServerSessionContext,
): ServerSessionHandle {
  const { device, dialect, faults } = context
  const { channel } = transport
  const actor: Actor = { sessionId, username: transport.username, sourceHost: transport.sourceHost }
  const decoder = createFrameDecoder({ maxMessageSize: context.maxMessageSize })
  const writer = createChannelWriter(transport)
  let greeted = false
  let busy = false
  let inputEnded = false
  let over = false
  let endPause: (() => void) | undefined

  const send = (message: XmlElement): Promise<void> =>
    writer.send(encodeFrame(decoder.framing(), serialiseXml(message, { prolog: dialect.prolog })))

  const subscription = createSubscription(device.clock, device.events, (notification) => {
    if (!over && writer.waiting() < MAX_WAITING_NOTIFICATIONS) inBackground('simulator', send(notification))
  })

  const end = (reason: TerminationReason, killedBy?: number): void => {
    if (over) return
    over = true
    subscription.end()
    endPause?.()
    device.datastores.endSession(actor)
    channel.off('data', onData)
    // What still comes is let run out: an unread channel would keep its window.
    channel.resume()
    if (greeted) device.events.emit(sessionEndEvent(actor, reason, killedBy))
    context.onEnd(reason)
    // A killed session may be one whose client reads nothing: its last replies are not waited for.
    if (reason === 'killed') transport.close(1)
    else {
      const ended = writer.send(Buffer.alloc(0)).then(() => transport.end(reason === 'closed' ? 0 : 1))
      inBackground('simulator', ended)
    }
  }

  const greet = (message: Buffer): void => {
    const hello = parseHello(message)
    if (!hello.ok || hello.value.sessionId !== undefined) return end('bad-hello')
    const framing = agreeFraming(device.capabilities, hello.value.capabilities)
    if (!framing.ok) return end('bad-hello')
    greeted = true
    decoder.switchTo(framing.value)
    device.events.emit(sessionStartEvent(actor))
  }

  const unreadable = async (): Promise<void> => {
    // base:1.0 has no error for what cannot be parsed (RFC 6241 appendix A).
    if (decoder.framing() === 'end-of-message') return end('other')
    const error = rpcError('malformed-message', 'the message is not an <rpc> in well-formed XML', { type: 'rpc' })
    await send(buildRpcReply([], { kind: 'errors', errors: [error] }, dialect.replyDeclarations))
  }

  const reply = async ({ answer, attributes }: AnsweredRpc): Promise<void> => {
    const delay = faults.replyDelay + (answer.kind === 'generated' ? answer.delay : 0)
    if (delay > 0) await pause(delay)
    if (over) return
    const cutShort = faults.takeDrop()
    if (answer.kind === 'generated' || cutShort) {
      const size = answer.kind === 'generated' ? answer.size : 0
      const cut = cutShort || (answer.kind === 'generated' && answer.drop)
      await writer.send(generatedReply({ size, cut, attributes, framing: decoder.framing(), dialect }))
      if (cut) transport.cut()
      return
    }
    const sent = send(buildRpcReply(attributes, answer.body, dialect.replyDeclarations))
    // The reply is in the queue already, so whatever follows comes after it on the wire.
    answer.afterwards?.()
    await sent
  }

  const pause = (delay: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = device.clock.after(delay, resolve)
      endPause = () => {
        cancel()
        resolve()
      }
    })

  const serve = async (message: Buffer): Promise<void> => {
    const parsed = parseXml(message)
    const answered = parsed.ok
      ? answerRpc(parsed.value, { dialect, device, actor, subscription, interleave: context.interleave })
      : undefined
    await (answered === undefined ? unreadable() : reply(answered))
  }

  const next = (): void => {
    while (!busy) {
      const frame = over ? undefined : decoder.next()
      if (frame === undefined) {
        if (inputEnded) end('dropped')
        else channel.resume()
        return
      }
      if (frame.kind === 'error') return end('other')
      if (!greeted) {
        greet(frame.bytes)
        continue
      }
      busy = true
      channel.pause()
      const served = serve(frame.bytes).finally(() => {
        busy = false
        next()
      })
      inBackground('simulator', served, () => end('other'))
    }
  }

  const onData = (bytes: Buffer): void => {
    decoder.push(bytes)
    next()
  }

  channel.on('data', onData)
  channel.on('end', () => {
    inputEnded = true
    next()
  })
  channel.on('error', () => end('dropped'))
  transport.onGone(() => end('dropped'))
  const hello = serialiseXml(buildHello({ capabilities: device.capabilities, sessionId }), { prolog: dialect.prolog })
  inBackground('simulator', writer.send(encodeFrame('end-of-message', `${dialect.greeting(actor.username)}${hello}`)))
  return { actor, end }
}
