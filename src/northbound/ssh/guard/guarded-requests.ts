import { type Operation, operationOf } from '../../../access/authz/operation.js'
import type { OperationDecision } from '../../../access/authz/operation-rule.js'
import { violation } from '../../../fleet/refusals/session-ends.js'
import { inBackground } from '../../../lib/background.js'
import { createByteQueue } from '../../../netconf/framing/byte-queue.js'
import { type ChunksClaim, readClientHello } from '../../../netconf/framing/certain-framing.js'
import { encodeFrame, encodePart, endOfFrame } from '../../../netconf/framing/frame-encoder.js'
import { createFramePartDecoder, type FramePart } from '../../../netconf/framing/frame-parts.js'
import { END_OF_MESSAGE, type Framing } from '../../../netconf/framing/framing.js'
import type { RequestCache } from '../../../netconf/request-cache.js'
import type { RequestRoot } from '../../../netconf/request-reader.js'
import { type ByteSink, roomIn } from '../../../relay/byte-sink.js'
import { HeldRequest, type HeldRequestBounds } from './held-request.js'
import type { ProtocolViolation } from '../../../relay/relay-guard.js'
import type { FoundViolation, ViolationCause } from './protocol-violation.js'
import { createWorkInOrder } from './work-in-order.js'

/**
 * A client's requests on their way to the device: each is held until it was read whole and found allowed, so of any
 * other no byte arrives.
 */
export interface GuardedRequests {
  readonly sink: ByteSink
  /** Takes nothing more; what is held is given up. */
  readonly stop: () => void
}

export interface GuardedRequestsOptions extends HeldRequestBounds {
  readonly toDevice: ByteSink
  /** Operations of requests that were read before. */
  readonly known: RequestCache<Operation>
  /**
   * Told of the client's hello, which goes on to the device. Answers with the framing once the device's is known, too.
   */
  readonly onHello: (claim: ChunksClaim) => Promise<Framing>
  readonly decide: (operation: Operation) => OperationDecision
  /** Told of a request before it goes to the device. */
  readonly onForwarded: () => void
  /** Answers a request in the device's stead; settles when the next may be looked at. */
  readonly onDenied: (denied: DeniedRequest) => Promise<void>
  /**
   * Told once, of what nobody can make sense of or take; nothing after it is read. `root` where it was seen whose
   * request it is.
   */
  readonly onViolation: (violation: ProtocolViolation, cause: ViolationCause, root: RequestRoot | undefined) => void
}

export interface DeniedRequest {
  readonly root: RequestRoot | undefined
  /** Undefined where there is not one operation. */
  readonly operation: Operation | undefined
  readonly reason: string
}

/** Bytes of a client's hello, which has few capabilities. */
const MAX_HELLO_SIZE = 64 * 1024

/** Bytes that go to the device in one piece. */
const PIECE = 64 * 1024

export function createGuardedRequests(options: GuardedRequestsOptions): GuardedRequests {
  const { toDevice } = options
  const frames = createFramePartDecoder()
  const hello = createByteQueue()
  const request = new HeldRequest(options)
  let greeting = true
  let over = false

  const stop = (): void => {
    over = true
    request.drop()
    hello.skip(hello.length())
  }
  const breakOff = ({ cause, found }: FoundViolation): void => {
    const root = request.root()
    stop()
    options.onViolation(found, cause, root)
  }

  const take = async (bytes: Buffer): Promise<void> => {
    if (over) return
    frames.push(bytes)
    const parts: Buffer[] = []
    for (let part = frames.next(); !over; part = frames.next()) {
      if (part?.kind === 'bytes') {
        // Many small chunks are read as one piece: reading has a price of its own.
        parts.push(part.bytes)
        continue
      }
      const [first, ...more] = parts.splice(0)
      if (first !== undefined) {
        const piece = more.length === 0 ? first : Buffer.concat([first, ...more])
        if (part?.kind === 'end' && passKnown(piece)) {
          await roomIn(toDevice)
          continue
        }
        const found = greeting ? holdHello(piece) : request.write(piece)
        if (found !== undefined) breakOff(found)
      }
      if (part === undefined || over) return
      await (greeting ? greet() : judge(part))
    }
  }

  /** Lets a request pass that came whole, if the same was read before and is allowed now. Any other is read. */
  const passKnown = (whole: Buffer, framed?: Buffer): boolean => {
    if (greeting || request.isBegun() || whole.length > options.maxRequest) return false
    const operation = options.known.find(whole)
    if (operation === undefined || !options.decide(operation).allowed) return false
    options.onForwarded()
    toDevice.take(framed ?? encodeFrame(frames.framing(), whole))
    return true
  }
  /** The same for bytes that are one request and its delimiter, while nothing else is under way. */
  const passKnownFrame = (bytes: Buffer): boolean => {
    const size = bytes.length - END_OF_MESSAGE.length
    const isOne = !over && frames.framing() === 'end-of-message' && frames.isBetweenMessages()
    return isOne && bytes.indexOf(END_OF_MESSAGE) === size && passKnown(bytes.subarray(0, size), bytes)
  }

  const holdHello = (bytes: Buffer): FoundViolation | undefined => {
    hello.append(bytes)
    return hello.length() > MAX_HELLO_SIZE
      ? badHello(`the <hello> of the client is larger than ${MAX_HELLO_SIZE} octets`)
      : undefined
  }

  const greet = async (): Promise<void> => {
    const message = hello.take(hello.length())
    const claim = readClientHello(message)
    if (!claim.ok) return breakOff(badHello(`the client sent no usable <hello>: ${claim.error.cause}`))
    await send(toDevice, message, 'end-of-message')
    frames.switchTo(await options.onHello(claim.value))
    greeting = false
  }

  /** Lets a request that has come whole go on to the device, or has it answered here. */
  const judge = async (part: FramePart): Promise<void> => {
    if (part.kind === 'error') return breakOff(brokenFraming(part.error.cause))
    const read = request.read()
    if (!read.ok) return breakOff(read.violation)
    const root = request.root()
    const { value } = read
    const operation = value.kind === 'operation' ? operationOf(value.operation) : undefined
    const decision = operation === undefined ? undefined : options.decide(operation)
    const bytes = request.take()
    if (operation !== undefined && decision?.allowed === true) {
      options.known.remember(bytes, operation)
      options.onForwarded()
      await send(toDevice, bytes, frames.framing())
      return request.release()
    }
    request.release()
    const reason = decision?.allowed === false ? decision.reason : value.kind === 'undecidable' ? value.cause : ''
    await options.onDenied({ root, operation, reason })
  }

  // What was not foreseen must not let anything pass either.
  const work = createWorkInOrder((error) => breakOff({ cause: 'malformed', found: violation('internal-error', error) }))
  const sink: ByteSink = {
    take: (bytes) => {
      if (work.underWay() === undefined && passKnownFrame(bytes)) return
      work.add(() => take(bytes))
    },
    hasRoom: () => work.underWay() === undefined && toDevice.hasRoom(),
    whenRoom: (resume) => {
      const earlier = work.underWay()
      if (earlier === undefined) toDevice.whenRoom(resume)
      else
        inBackground(
          'session',
          earlier.then(() => sink.whenRoom(resume)),
        )
    },
    end: () => work.add(toDevice.end),
  }
  return { sink, stop }
}

/**
 * Sends a message to the device in its framing, piece by piece where it is long. Settles once there is room for more.
 */
async function send(toDevice: ByteSink, message: Buffer, as: Framing): Promise<void> {
  const write = (bytes: Buffer): Promise<void> => {
    toDevice.take(bytes)
    return roomIn(toDevice)
  }
  if (message.length <= PIECE) return write(encodeFrame(as, message))
  for (let at = 0; at < message.length; at += PIECE) await write(encodePart(as, message.subarray(at, at + PIECE)))
  await write(endOfFrame(as))
}

function badHello(message: string): FoundViolation {
  return { cause: 'bad-hello', found: violation('bad-hello', message) }
}

function brokenFraming(cause: string): FoundViolation {
  return { cause: 'malformed', found: violation('malformed-request', `the framing is broken: ${cause}`) }
}
