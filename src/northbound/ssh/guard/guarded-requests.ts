import { violation, type ViolationReason } from '../../../fleet/refusals/session-ends.js'
import type { Refusal } from '../../../lib/refusal.js'
import { inBackground } from '../../../lib/background.js'
import { DATASTORE_PARAMETERS, type Operation, operationOf } from '../../../access/authz/operation.js'
import type { OperationDecision } from '../../../access/authz/operation-rule.js'
import { createByteQueue } from '../../../netconf/framing/byte-queue.js'
import { type ChunksClaim, readClientHello } from '../../../netconf/framing/certain-framing.js'
import { encodeFrame, encodePart, endOfFrame } from '../../../netconf/framing/frame-encoder.js'
import { createFramePartDecoder, type FramePart } from '../../../netconf/framing/frame-parts.js'
import { END_OF_MESSAGE, type Framing } from '../../../netconf/framing/framing.js'
import type { RequestCache } from '../../../netconf/request-cache.js'
import {
  createRequestReader,
  type RequestFault,
  type RequestReader,
  type RequestRoot,
} from '../../../netconf/request-reader.js'
import type { InspectionBudget } from './inspection-budget.js'
import { type ByteSink, roomIn } from '../byte-sink.js'

/** Why a session cannot go on, as the client is told and as the log has it. */
export type ProtocolViolation = Refusal<ViolationReason>

/** A client's requests on their way to the device: each is held until it was read whole and found allowed, so of any other no byte arrives. */
export interface GuardedRequests {
  readonly sink: ByteSink
  /** Takes nothing more; what is held is given up. */
  readonly stop: () => void
}

export interface GuardedRequestsOptions {
  readonly toDevice: ByteSink
  /** Bytes of one request, and what all may hold together. */
  readonly maxRequest: number
  readonly held: InspectionBudget
  /** Operations of requests that were read before. */
  readonly known: RequestCache<Operation>
  /** Told of the client's hello, which goes on to the device. Answers with the framing once the device's is known, too. */
  readonly onHello: (claim: ChunksClaim) => Promise<Framing>
  readonly decide: (operation: Operation) => OperationDecision
  /** Told of a request before it goes to the device. */
  readonly onForwarded: () => void
  /** Answers a request in the device's stead; settles when the next may be looked at. */
  readonly onDenied: (denied: DeniedRequest) => Promise<void>
  /** Told once, of what nobody can make sense of or take; nothing after it is read. `root` where it was seen whose request it is. */
  readonly onViolation: (violation: ProtocolViolation, cause: ViolationCause, root: RequestRoot | undefined) => void
}

export interface DeniedRequest {
  readonly root: RequestRoot | undefined
  /** Undefined where there is not one operation. */
  readonly operation: Operation | undefined
  readonly reason: string
}

export type ViolationCause = 'bad-hello' | 'malformed' | 'too-big' | 'too-much-held'

/** Bytes of a client's hello, which has few capabilities. */
const MAX_HELLO_SIZE = 64 * 1024

/** Bytes that go to the device in one piece. */
const PIECE = 64 * 1024

export function createGuardedRequests(options: GuardedRequestsOptions): GuardedRequests {
  const { toDevice } = options
  const reader = createFramePartDecoder()
  const body = createByteQueue()
  let greeting = true
  let request: RequestReader | undefined
  let over = false
  /** Bytes of the request at hand that count as held, until the device has taken it. */
  let holding = 0

  const release = (): void => {
    options.held.release(holding)
    holding = 0
  }
  const stop = (): void => {
    over = true
    release()
    body.skip(body.length())
  }
  const breakOff = (cause: ViolationCause, found: ProtocolViolation): void => {
    const root = request?.root()
    stop()
    options.onViolation(found, cause, root)
  }

  const take = async (bytes: Buffer): Promise<void> => {
    if (over) return
    reader.push(bytes)
    const parts: Buffer[] = []
    for (let part = reader.next(); !over; part = reader.next()) {
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
        hold(piece)
      }
      if (part === undefined || over) return
      await (greeting ? greet() : guard(part))
    }
  }

  /** Lets a request pass that came whole, if the same was read before and is allowed now. Any other is read. */
  const passKnown = (whole: Buffer, framed?: Buffer): boolean => {
    if (greeting || request !== undefined || whole.length > options.maxRequest) return false
    const operation = options.known.find(whole)
    if (operation === undefined || !options.decide(operation).allowed) return false
    options.onForwarded()
    toDevice.take(framed ?? encodeFrame(reader.framing(), whole))
    return true
  }
  /** The same for bytes that are one request and its delimiter, while nothing else is under way. */
  const passKnownFrame = (bytes: Buffer): boolean => {
    const size = bytes.length - END_OF_MESSAGE.length
    const isOne = !over && reader.framing() === 'end-of-message' && reader.isBetweenMessages()
    return isOne && bytes.indexOf(END_OF_MESSAGE) === size && passKnown(bytes.subarray(0, size), bytes)
  }

  const hold = (bytes: Buffer): void => (greeting ? holdHello(bytes) : holdRequest(bytes))

  const holdHello = (bytes: Buffer): void => {
    body.append(bytes)
    if (body.length() > MAX_HELLO_SIZE)
      breakOff('bad-hello', violation('bad-hello', `the <hello> of the client is larger than ${MAX_HELLO_SIZE} octets`))
  }

  const greet = async (): Promise<void> => {
    const message = body.take(body.length())
    const claim = readClientHello(message)
    if (!claim.ok)
      return breakOff('bad-hello', violation('bad-hello', `the client sent no usable <hello>: ${claim.error.cause}`))
    await send(message, 'end-of-message')
    reader.switchTo(await options.onHello(claim.value))
    greeting = false
  }

  const guard = async (part: FramePart): Promise<void> => {
    if (part.kind === 'error')
      return breakOff('malformed', violation('malformed-request', `the framing is broken: ${part.error.cause}`))
    const read = (request ?? createRequestReader(DATASTORE_PARAMETERS)).end()
    if (!read.ok) return breakOff(causeOf(read.error), violationOf(read.error))
    const root = request?.root()
    const { value } = read
    const operation = value.kind === 'operation' ? operationOf(value.operation) : undefined
    const decision = operation === undefined ? undefined : options.decide(operation)
    const bytes = body.take(body.length())
    request = undefined
    if (operation !== undefined && decision?.allowed === true) {
      options.known.remember(bytes, operation)
      options.onForwarded()
      await send(bytes, reader.framing())
      return release()
    }
    release()
    const reason = decision?.allowed === false ? decision.reason : value.kind === 'undecidable' ? value.cause : ''
    await options.onDenied({ root, operation, reason })
  }

  const holdRequest = (bytes: Buffer): void => {
    request ??= createRequestReader(DATASTORE_PARAMETERS)
    const fault = request.write(bytes)
    if (fault !== undefined) return breakOff(causeOf(fault), violationOf(fault))
    const length = holding + bytes.length
    if (length > options.maxRequest) return breakOff('too-big', tooBig(options.maxRequest))
    if (!options.held.grow(holding, length)) return breakOff('too-much-held', violation('too-much-held'))
    holding = length
    body.append(bytes)
  }

  const send = async (message: Buffer, as: Framing): Promise<void> => {
    if (message.length <= PIECE) return write(encodeFrame(as, message))
    for (let at = 0; at < message.length; at += PIECE) await write(encodePart(as, message.subarray(at, at + PIECE)))
    await write(endOfFrame(as))
  }
  const write = (bytes: Buffer): Promise<void> => {
    toDevice.take(bytes)
    return roomIn(toDevice)
  }

  /** What is under way with bytes that came; others wait for it. */
  let work: Promise<void> | undefined
  const after = (piece: () => void | Promise<void>): void => {
    const done = (work ?? Promise.resolve())
      .then(piece)
      // What was not foreseen must not let anything pass either.
      .catch((error: unknown) => breakOff('malformed', violation('internal-error', error)))
      .then(() => {
        if (work === done) work = undefined
      })
    work = done
  }

  const sink: ByteSink = {
    take: (bytes) => {
      if (work === undefined && passKnownFrame(bytes)) return
      after(() => take(bytes))
    },
    hasRoom: () => work === undefined && toDevice.hasRoom(),
    whenRoom: (resume) => {
      if (work === undefined) toDevice.whenRoom(resume)
      else
        inBackground(
          'session',
          work.then(() => sink.whenRoom(resume)),
        )
    },
    end: () => after(toDevice.end),
  }
  return { sink, stop }
}

function causeOf({ kind }: RequestFault): ViolationCause {
  return kind === 'too-big' || kind === 'too-deep' || kind === 'too-many-attributes' ? 'too-big' : 'malformed'
}

function violationOf({ kind, cause }: RequestFault): ProtocolViolation {
  return causeOf({ kind, cause }) === 'too-big'
    ? violation('request-too-big', `the request is too big: ${cause}`, 'split it')
    : violation('malformed-request', `the message is no request that can be judged: ${cause}`)
}

function tooBig(limit: number): ProtocolViolation {
  return violation(
    'request-too-big',
    `the request is larger than ${limit} octets, which is all that is looked at under rules`,
    'split it, or raise endpoint.ssh.max-inspected-request',
  )
}
