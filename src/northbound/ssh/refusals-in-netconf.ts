import type { ServerChannel } from 'ssh2'
import { type SessionRefusal, type SessionRefusalReason } from '../../fleet/refusals/sessions.js'
import { RIGHT_ENDS } from '../../fleet/refusals/session-ends.js'
import { CAPABILITY } from '../../netconf/capabilities.js'
import { encodeFrame } from '../../netconf/framing/frame-encoder.js'
import { createMessageScanner, type ScannedMessage } from '../../netconf/framing/message-scanner.js'
import { createSessionFraming, isHello } from '../../netconf/framing/session-framing.js'
import { buildHello } from '../../netconf/hello.js'
import { peekRequest } from '../../netconf/peek-request.js'
import { buildRpcReply } from '../../netconf/rpc-reply.js'
import { parseRootTag } from '../../netconf/xml/xml-parse.js'
import { serialiseXml } from '../../netconf/xml/xml-serialise.js'
import { createUserPlaces } from '../../net/user-places.js'
import { within } from '../../lib/deadline.js'
import { flushed } from '../../relay/flushed.js'
import { refusalReply } from './guard/refusal-reply.js'

/** A client's NETCONF channel that gets no session, and why. Its request was answered, and nothing was read of it. */
export interface RefusedInNetconf {
  readonly user: string
  readonly channel: ServerChannel
  readonly refusal: SessionRefusal
  /** Settles when the client closed its channel or its connection was lost. */
  readonly gone: Promise<void>
}

/**
 * Tells refusals in NETCONF: many clients show what an `<rpc-error>` says, and nothing that stands on standard error.
 */
export interface RefusalsInNetconf {
  /**
   * Says `<hello>` and answers the client's first requests with the refusal, for as long as a client may take. Settles
   * when the channel may be closed; at once where as many clients are being told as may.
   */
  readonly tell: (refused: RefusedInNetconf) => Promise<void>
  /** Ends all of it, and lets nobody wait long any more: the bridge is stopping. */
  readonly hurry: () => void
}

/** Clients that may be told at a time: of all users, and of one. */
const PLACES = { most: 500, mostPerUser: 100 }

/** Milliseconds that a client may take. */
export interface RefusalWaits {
  /**
   * Until the bridge greets first. ncclient frames its own `<hello>` in chunks where the other one comes before it has
   * sent any, and some clients send none before they have read one.
   */
  readonly greeting: number
  /** Until its `<hello>`: who types at a terminal sends none, and reads standard error once this is over. */
  readonly hello: number
  /** From then on until its first request, which a person may type. */
  readonly request: number
  /** After each answer, for another request: most clients take leave by `<close-session>`. */
  readonly leave: number
}

const WAITS: RefusalWaits = { greeting: 500, hello: 3_000, request: 60_000, leave: 2_000 }
/** Of a bridge that is stopping. */
const SHORT_WAITS: RefusalWaits = { greeting: 100, hello: 500, request: 500, leave: 200 }

/** Milliseconds that a client gets to read the last answer. */
const LAST_ANSWER = 1_000

/** Bytes of a client's hello, which has few capabilities. */
const MAX_HELLO = 64 * 1024
/** Bytes of a request that are looked at: it begins with all that a reply repeats. */
const MAX_HEAD = 16 * 1024
/** Bytes of all that a client sends; they are dropped as they come. */
const MAX_TAKEN = 64 * 1024 * 1024
/** Requests that are answered. */
const MAX_ANSWERS = 10

/** What a hello begins with that comes in chunks, although none may. */
const CHUNK = Buffer.from('\n#')

/** A client whose chunks are shorter than this on the average makes work; of the first few nothing is concluded. */
const SHORTEST_CHUNK = 32
const FIRST_CHUNKS = 200

const CAPABILITIES = [CAPABILITY.base10, CAPABILITY.base11]
const MAX_SESSION_ID = 0xffff_ffff

/** @param options.waits for tests, which have no minute to wait */
export function createRefusalsInNetconf(options: { readonly waits?: RefusalWaits } = {}): RefusalsInNetconf {
  const places = createUserPlaces(() => PLACES)
  const conversations = new Set<Conversation>()
  let waits = options.waits ?? WAITS
  let sessionId = 0
  return {
    tell: async ({ user, channel, refusal, gone }) => {
      const place = places.enter(user)
      if (!place.ok) return
      sessionId = (sessionId % MAX_SESSION_ID) + 1
      const conversation = converse(channel, refusal, { sessionId, waits })
      conversations.add(conversation)
      await Promise.race([conversation.over, gone])
      conversation.end()
      // What was answered is read, if the client reads at all.
      await within(LAST_ANSWER, Promise.race([flushed(channel), gone]))
      conversations.delete(conversation)
      place.leave()
    },
    hurry: () => {
      waits = SHORT_WAITS
      for (const conversation of conversations) conversation.end()
    },
  }
}

interface Conversation {
  /** Settles once nothing more is said. */
  readonly over: Promise<void>
  /** Whatever the client still sends is dropped. */
  readonly end: () => void
}

/** Speaks as a NETCONF server that refuses whatever it is asked for. */
function converse(
  channel: ServerChannel,
  refusal: SessionRefusal,
  { sessionId, waits }: { readonly sessionId: number; readonly waits: RefusalWaits },
): Conversation {
  const framing = createSessionFraming()
  let heard = false
  let taken = 0
  let chunks = 0
  let answers = 0
  let isOver = false
  let settle: () => void = () => undefined
  const over = new Promise<void>((resolve) => {
    settle = resolve
  })
  let timer: NodeJS.Timeout | undefined
  const end = (): void => {
    isOver = true
    clearTimeout(timer)
    clearTimeout(greetingTimer)
    settle()
  }
  const waitFor = (milliseconds: number): void => {
    clearTimeout(timer)
    timer = setTimeout(end, milliseconds)
  }

  const hello = serialiseXml(buildHello({ capabilities: CAPABILITIES, sessionId }))
  framing.serverHello(Buffer.from(hello))
  let greeted = false
  const greet = (): void => {
    if (!greeted) channel.write(encodeFrame('end-of-message', hello))
    greeted = true
  }
  const greetingTimer = setTimeout(greet, waits.greeting)

  const hear = (message: ScannedMessage): void => {
    heard = true
    greet()
    framing.clientHello(message.head)
    scanner.switchTo(framing.agreed() ?? 'end-of-message')
    scanner.keep(MAX_HEAD)
    waitFor(waits.request)
    // Junos lets a client do without a hello.
    if (!isHello(message.head)) answer(message)
  }
  const answer = (message: ScannedMessage): void => {
    const root = parseRootTag(message.head)
    if (!root.ok || root.value.name !== 'rpc') return end()
    const leaves = peekRequest(message).operation.name === 'close-session'
    // Who only opens and closes a session is told as well, and would take `<ok/>` for a device that is there.
    if (leaves && answers > 0) {
      const { attributes } = root.value
      channel.write(encodeFrame(scanner.framing(), serialiseXml(buildRpcReply(attributes, { kind: 'ok' }))))
      return end()
    }
    channel.write(refusalReply(requestRefusal(refusal), root.value, scanner.framing()))
    answers += 1
    if (leaves || answers >= MAX_ANSWERS) return end()
    waitFor(waits.leave)
  }
  const scanner = createMessageScanner({
    headSize: MAX_HELLO,
    onMessage: (message) => {
      if (isOver) return scanner.pause()
      if (heard) answer(message)
      else hear(message)
    },
    onBroken: end,
  })

  waitFor(waits.hello)
  channel.on('data', (bytes: Buffer) => {
    if (isOver) return
    if (taken === 0 && bytes.subarray(0, CHUNK.length).equals(CHUNK)) scanner.switchTo('chunked')
    taken += bytes.length
    if (scanner.framing() === 'chunked') chunks += chunksIn(bytes)
    if (chunks > FIRST_CHUNKS && taken < chunks * SHORTEST_CHUNK) return end()
    scanner.push(bytes)
    if (taken > (heard ? MAX_TAKEN : MAX_HELLO)) end()
  })
  channel.once('end', end)
  return { over, end }
}

/** How many chunks begin in bytes, or look as if they did. */
function chunksIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(CHUNK); at !== -1; at = bytes.indexOf(CHUNK, at + CHUNK.length)) count += 1
  return count
}

/** Reasons that say that somebody may not, rather than that there is nothing to be had. */
const DENIED: ReadonlySet<SessionRefusalReason> = new Set([
  ...(Object.keys(RIGHT_ENDS) as (keyof typeof RIGHT_ENDS)[]),
  'channel-not-allowed',
  'ambiguous-account',
])

function requestRefusal({ reason, message, hint }: SessionRefusal) {
  return {
    tag: DENIED.has(reason) ? 'access-denied' : 'resource-denied',
    type: 'application',
    appTag: reason,
    message: `${message}; ${hint}`,
  } as const
}
