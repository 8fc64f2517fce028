import { violation } from '../../../fleet/refusals/session-ends.js'
import { formatOperation, type Operation } from '../../../access/authz/operation.js'
import type { OperationDecision } from '../../../access/authz/operation-rule.js'
import { certainFraming, type ChunksClaim, readServerHello } from '../../../netconf/framing/certain-framing.js'
import type { Framing } from '../../../netconf/framing/framing.js'
import type { RequestCache } from '../../../netconf/request-cache.js'
import type { RequestRoot } from '../../../netconf/request-reader.js'
import { createGuardedReplies } from './guarded-replies.js'
import { createGuardedRequests, type DeniedRequest } from './guarded-requests.js'
import type { ViolationCause } from './protocol-violation.js'
import type { InspectionBudget } from './inspection-budget.js'
import { roomIn } from '../../../relay/byte-sink.js'
import type { GuardedSinks, ProtocolViolation, RelayGuard } from '../../../relay/relay-guard.js'
import { refusalReply, type RequestRefusal } from './refusal-reply.js'
import { createReplyOrder } from './reply-order.js'

/** Bounds of a guard. */
export interface RequestGuardLimits {
  /** Bytes of one request. */
  readonly maxInspectedRequest: number
  /** Refused requests whose answers may wait for earlier replies; more are not read. */
  readonly maxWaitingRefusals: number
}

export interface RequestGuardOptions {
  readonly limits: RequestGuardLimits
  readonly held: InspectionBudget
  /** Shared by guards, so that one session gains from another. */
  readonly known: RequestCache<Operation>
  /** Decided anew for each request: a reload changes it. */
  readonly decide: (operation: Operation) => OperationDecision
  /** Whose rules these are, for the client to know whom to ask. */
  readonly roles: readonly string[]
  readonly onDenied: (denial: Denial) => void
}

/** A request that was refused. */
export interface Denial {
  /** Undefined where there was not one operation. */
  readonly operation: Operation | undefined
  readonly reason: string
}

/**
 * Stands between a client and a device where rules on operations apply. Requests that no rule allows are answered here,
 * in the device's order of replies and in the session's framing; of them the device gets no byte. Replies pass unread:
 * only where a message ends is looked for.
 */
export function createRequestGuard(
  { limits, held, known, decide, roles, onDenied }: RequestGuardOptions,
  { toDevice, toClient }: GuardedSinks,
): RelayGuard {
  const order = createReplyOrder()
  const claims: { client?: ChunksClaim; server?: ChunksClaim } = {}
  let framing: Framing | undefined
  let agreed: (framing: Framing) => void = () => undefined
  const agreement = new Promise<Framing>((resolve) => {
    agreed = resolve
  })
  let found: ProtocolViolation | undefined
  let tell: (violation: ProtocolViolation) => void = () => undefined
  const violated = new Promise<ProtocolViolation>((resolve) => {
    tell = resolve
  })
  const breakOff = (why: ProtocolViolation): void => {
    found ??= why
    tell(why)
  }

  const agree = (): void => {
    if (claims.client === undefined || claims.server === undefined) return
    const certain = certainFraming(claims.client, claims.server)
    if (!certain.ok) return breakOff(violation('bad-hello', certain.error.cause, certain.error.hint))
    framing = certain.value
    replies.switchTo(framing)
    agreed(framing)
  }

  const replies = createGuardedReplies({
    toClient,
    order,
    onHello: (message) => {
      const claim = message === undefined ? undefined : readServerHello(message)
      if (claim?.ok !== true)
        return breakOff(
          violation('device-framing', `it sent no usable <hello>: ${claim?.error.cause ?? 'it is too large'}`),
        )
      claims.server = claim.value
      agree()
    },
    onBroken: (cause) => breakOff(violation('device-framing', cause)),
  })

  const answer = (refusal: RequestRefusal, root: RequestRoot | undefined, placed?: () => void): void => {
    if (framing === undefined) return placed?.()
    order.insert(refusalReply(refusal, root, framing), placed)
    replies.insertDue()
  }

  const requests = createGuardedRequests({
    toDevice,
    maxRequest: limits.maxInspectedRequest,
    held,
    known,
    decide,
    onHello: (claim) => {
      claims.client = claim
      agree()
      return agreement
    },
    onForwarded: () => order.forwarded(),
    onDenied: async (denied) => {
      onDenied(denied)
      answer(refusalOf(denied, roles), denied.root)
      await order.fewerThan(limits.maxWaitingRefusals)
      await roomIn(toClient)
    },
    onViolation: (why, cause, root) => {
      if (cause === 'bad-hello') return breakOff(why)
      found ??= why
      answer({ ...errorOf[cause], message: `${why.message}; ${why.hint}` }, root, () => breakOff(why))
    },
  })

  return {
    fromClient: requests.sink,
    fromDevice: replies.sink,
    violated,
    found: () => found,
    clientGone: order.giveUp,
    stop: requests.stop,
  }
}

function refusalOf({ operation, reason }: DeniedRequest, roles: readonly string[]): RequestRefusal {
  const what = operation === undefined ? 'the request' : formatOperation(operation)
  const whose = `${roles.length === 1 ? 'role' : 'roles'} ${roles.join(', ')}`
  return { tag: 'access-denied', type: 'application', message: `${what} is not allowed to ${whose}: ${reason}` }
}

const errorOf: Readonly<Record<Exclude<ViolationCause, 'bad-hello'>, Omit<RequestRefusal, 'message'>>> = {
  malformed: { tag: 'malformed-message', type: 'rpc' },
  'too-big': { tag: 'too-big', type: 'rpc' },
  'too-much-held': { tag: 'resource-denied', type: 'rpc' },
}
