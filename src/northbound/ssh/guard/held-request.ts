import { DATASTORE_PARAMETERS } from '../../../access/authz/operation.js'
import { violation } from '../../../fleet/refusals/session-ends.js'
import { createByteQueue } from '../../../netconf/framing/byte-queue.js'
import {
  createRequestReader,
  type ReadRequest,
  type RequestFault,
  type RequestReader,
  type RequestRoot,
} from '../../../netconf/request-reader.js'
import type { InspectionBudget } from './inspection-budget.js'
import type { ProtocolViolation } from '../../../relay/relay-guard.js'
import type { FoundViolation } from './protocol-violation.js'

export interface HeldRequestBounds {
  /** Bytes of one request. */
  readonly maxRequest: number
  /** What the requests of all sessions may hold together. */
  readonly held: InspectionBudget
}

/**
 * The request that a client is sending: it is read as it comes, and its bytes are held until somebody has decided on
 * it. One after the other.
 */
export class HeldRequest {
  readonly #bounds: HeldRequestBounds
  readonly #body = createByteQueue()
  #reader: RequestReader | undefined
  /** Bytes that count as held. */
  #holding = 0

  constructor(bounds: HeldRequestBounds) {
    this.#bounds = bounds
  }

  /** Whether some of it has come. */
  isBegun(): boolean {
    return this.#reader !== undefined
  }

  /** Its `<rpc>`, once that was seen. */
  root(): RequestRoot | undefined {
    return this.#reader?.root()
  }

  /** Takes more of it; answers why nobody can make sense of it, or take it. */
  write(bytes: Buffer): FoundViolation | undefined {
    const { maxRequest, held } = this.#bounds
    this.#reader ??= createRequestReader(DATASTORE_PARAMETERS)
    const fault = this.#reader.write(bytes)
    if (fault !== undefined) return violationOf(fault)
    const length = this.#holding + bytes.length
    if (length > maxRequest) return { cause: 'too-big', found: tooBig(maxRequest) }
    if (!held.grow(this.#holding, length)) return { cause: 'too-much-held', found: violation('too-much-held') }
    this.#holding = length
    this.#body.append(bytes)
    return undefined
  }

  /** It has come whole; what it asks for, or why it is no request. */
  read():
    | { readonly ok: true; readonly value: ReadRequest }
    | { readonly ok: false; readonly violation: FoundViolation } {
    const read = (this.#reader ?? createRequestReader(DATASTORE_PARAMETERS)).end()
    return read.ok ? read : { ok: false, violation: violationOf(read.error) }
  }

  /** Gives its bytes away, which count as held until `release`; what is written from now on is the next one. */
  take(): Buffer {
    this.#reader = undefined
    return this.#body.take(this.#body.length())
  }

  release(): void {
    this.#bounds.held.release(this.#holding)
    this.#holding = 0
  }

  /** Gives up what is held. */
  drop(): void {
    this.release()
    this.#body.skip(this.#body.length())
  }
}

function violationOf({ kind, cause }: RequestFault): FoundViolation {
  return kind === 'too-big' || kind === 'too-deep' || kind === 'too-many-attributes'
    ? { cause: 'too-big', found: violation('request-too-big', `the request is too big: ${cause}`, 'split it') }
    : {
        cause: 'malformed',
        found: violation('malformed-request', `the message is no request that can be judged: ${cause}`),
      }
}

function tooBig(limit: number): ProtocolViolation {
  return violation(
    'request-too-big',
    `the request is larger than ${limit} octets, which is all that is looked at under rules`,
    'split it, or raise endpoint.ssh.max-inspected-request',
  )
}
