import { inBackground } from '../lib/background.js'
import { createFrameDecoder, type FrameDecoder } from '../netconf/framing/frame-decoder.js'
import { encodeFrame } from '../netconf/framing/frame-encoder.js'
import { agreeFraming, buildHello, parseHello } from '../netconf/hello.js'
import { rpcError } from '../netconf/rpc-error.js'
import { buildRpcReply } from '../netconf/rpc-reply.js'
import { parseXml } from '../netconf/xml/xml-parse.js'
import { serialiseXml } from '../netconf/xml/xml-serialise.js'
import type { XmlElement } from '../netconf/xml/xml-tree.js'
import { type ChannelWriter, createChannelWriter } from './channel-writer.js'
import type { Faults } from './faults.js'
import { generatedReply } from './generated-reply.js'
import type { Dialect } from './dialect.js'
import { type Actor, sessionEndEvent, sessionStartEvent, type TerminationReason } from './netconf-events.js'
import type { ServerDevice, ServerSessionHandle } from './server-call.js'
import { type AnsweredRpc, answerRpc } from './server-dispatch.js'
import type { SessionTransport } from './session-transport.js'
import { createSubscription, type ServerSubscription } from './subscription.js'

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
  const session = new ServerSession(transport, sessionId, context)
  session.begin()
  return { actor: session.actor, end: (reason, killedBy) => session.end(reason, killedBy) }
}

class ServerSession {
  readonly actor: Actor
  readonly #transport: SessionTransport
  readonly #context: ServerSessionContext
  readonly #decoder: FrameDecoder
  readonly #writer: ChannelWriter
  readonly #subscription: ServerSubscription
  readonly #onData = (bytes: Buffer): void => {
    this.#decoder.push(bytes)
    this.#next()
  }
  /** Whether the client's hello has come. */
  #greeted = false
  /** Whether a request is being answered. */
  #busy = false
  #inputEnded = false
  #over = false
  /** Ends the delay before a reply. */
  #endPause: (() => void) | undefined

  constructor(transport: SessionTransport, sessionId: number, context: ServerSessionContext) {
    const { device, maxMessageSize } = context
    this.actor = { sessionId, username: transport.username, sourceHost: transport.sourceHost }
    this.#transport = transport
    this.#context = context
    this.#decoder = createFrameDecoder({ maxMessageSize })
    this.#writer = createChannelWriter(transport)
    this.#subscription = createSubscription(device.clock, device.events, (notification) => {
      if (!this.#over && this.#writer.waiting() < MAX_WAITING_NOTIFICATIONS)
        inBackground('simulator', this.#send(notification))
    })
  }

  /** Greets the client, and reads what it says from now on. */
  begin(): void {
    const { device, dialect } = this.#context
    const { channel } = this.#transport
    channel.on('data', this.#onData)
    channel.on('end', () => {
      this.#inputEnded = true
      this.#next()
    })
    channel.on('error', () => this.end('dropped'))
    this.#transport.onGone(() => this.end('dropped'))
    const { capabilities } = device
    const { sessionId, username } = this.actor
    const hello = serialiseXml(buildHello({ capabilities, sessionId }), { prolog: dialect.prolog })
    const greeting = encodeFrame('end-of-message', `${dialect.greeting(username)}${hello}`)
    inBackground('simulator', this.#writer.send(greeting))
  }

  /** Gives up all it holds, and ends its channel once what was said before has gone out. */
  end(reason: TerminationReason, killedBy?: number): void {
    if (this.#over) return
    this.#over = true
    const { device, onEnd } = this.#context
    const { channel } = this.#transport
    this.#subscription.end()
    this.#endPause?.()
    device.datastores.endSession(this.actor)
    channel.off('data', this.#onData)
    // What still comes is let run out: an unread channel would keep its window.
    channel.resume()
    if (this.#greeted) device.events.emit(sessionEndEvent(this.actor, reason, killedBy))
    onEnd(reason)
    // A killed session may be one whose client reads nothing: its last replies are not waited for.
    if (reason === 'killed') this.#transport.close(1)
    else {
      const ended = this.#writer.send(Buffer.alloc(0)).then(() => this.#transport.end(reason === 'closed' ? 0 : 1))
      inBackground('simulator', ended)
    }
  }

  /** Takes the next message, where there is one and none is being answered. */
  #next(): void {
    while (!this.#busy) {
      const frame = this.#over ? undefined : this.#decoder.next()
      if (frame === undefined) {
        if (this.#inputEnded) this.end('dropped')
        else this.#transport.channel.resume()
        return
      }
      if (frame.kind === 'error') return this.end('other')
      if (!this.#greeted) {
        this.#greet(frame.bytes)
        continue
      }
      this.#busy = true
      this.#transport.channel.pause()
      const served = this.#serve(frame.bytes).finally(() => {
        this.#busy = false
        this.#next()
      })
      inBackground('simulator', served, () => this.end('other'))
    }
  }

  #greet(message: Buffer): void {
    const { device } = this.#context
    const hello = parseHello(message)
    if (!hello.ok || hello.value.sessionId !== undefined) return this.end('bad-hello')
    const framing = agreeFraming(device.capabilities, hello.value.capabilities)
    if (!framing.ok) return this.end('bad-hello')
    this.#greeted = true
    this.#decoder.switchTo(framing.value)
    device.events.emit(sessionStartEvent(this.actor))
  }

  async #serve(message: Buffer): Promise<void> {
    const { dialect, device, interleave } = this.#context
    const parsed = parseXml(message)
    const call = { dialect, device, actor: this.actor, subscription: this.#subscription, interleave }
    const answered = parsed.ok ? answerRpc(parsed.value, call) : undefined
    await (answered === undefined ? this.#answerUnreadable() : this.#reply(answered))
  }

  async #answerUnreadable(): Promise<void> {
    // base:1.0 has no error for what cannot be parsed (RFC 6241 appendix A).
    if (this.#decoder.framing() === 'end-of-message') return this.end('other')
    const error = rpcError('malformed-message', 'the message is not an <rpc> in well-formed XML', { type: 'rpc' })
    await this.#send(buildRpcReply([], { kind: 'errors', errors: [error] }, this.#context.dialect.replyDeclarations))
  }

  async #reply({ answer, attributes }: AnsweredRpc): Promise<void> {
    const { dialect, faults } = this.#context
    const delay = faults.replyDelay + (answer.kind === 'generated' ? answer.delay : 0)
    if (delay > 0) await this.#pause(delay)
    if (this.#over) return
    const cutShort = faults.takeDrop()
    if (answer.kind === 'generated' || cutShort) {
      const size = answer.kind === 'generated' ? answer.size : 0
      const cut = cutShort || (answer.kind === 'generated' && answer.drop)
      const framing = this.#decoder.framing()
      await this.#writer.send(generatedReply({ size, cut, attributes, framing, dialect }))
      if (cut) this.#transport.cut()
      return
    }
    const sent = this.#send(buildRpcReply(attributes, answer.body, dialect.replyDeclarations))
    // The reply is in the queue already, so whatever follows comes after it on the wire.
    answer.afterwards?.()
    await sent
  }

  #pause(delay: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#context.device.clock.after(delay, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }

  #send(message: XmlElement): Promise<void> {
    const { prolog } = this.#context.dialect
    return this.#writer.send(encodeFrame(this.#decoder.framing(), serialiseXml(message, { prolog })))
  }
}
