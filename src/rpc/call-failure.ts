import type { LinkEnd } from '../fleet/link.js'
import type { FleetSessionRefusal, FleetSessionRefusalReason } from '../fleet/refusals/sessions.js'
import { NetconfSessionError } from '../netconf/session-error.js'
import type { ReplyTooLong } from './reply-content.js'

/** Why a call got no answer of the device. `rpc-error` is not among them: that is an answer. */
export interface CallFailure {
  readonly cause:
    | 'unknown-device'
    | 'no-rights'
    | 'operation-forbidden'
    | 'needs-session'
    | 'unknown-session'
    | 'record-not-written'
    | 'reply-too-large'
    | 'not-connected'
    | 'link-full'
    | 'refused-by-device'
    | 'no-session'
    | 'bad-reply'
    | 'link-lost'
    | 'outcome-unknown'
    | 'device-timeout'
    | 'shutting-down'
    | 'session-ended'
    | 'too-many-calls'
    | 'invalid-request'
    | 'not-offered'
    | 'too-many-sessions'
    | 'client-gone'
  readonly message: string
  readonly hint: string
  /** The word of the log and the metrics for why there was no session, which says more than the cause. */
  readonly reason?: string
  /** Seconds after which the same call may go well. */
  readonly retryAfter?: number
  /** The request was sent, and may have had its effect. */
  readonly mayHaveHappened?: true
  /** What became of the session of a request whose outcome is not known. */
  readonly why?: string
}

/** Failures after which nothing has reached the device, and the same request may reach it later. */
const NOT_REACHED: ReadonlySet<CallFailure['cause']> = new Set([
  'not-connected',
  'link-full',
  'link-lost',
  'shutting-down',
  'too-many-calls',
])

/** Whether a request came as far as its device; one that did not may be sent again. */
export function wasReached({ cause }: CallFailure): boolean {
  return !NOT_REACHED.has(cause)
}

export type Failed = { readonly ok: false; readonly failure: CallFailure }

export const failedWith = (failure: CallFailure): Failed => ({ ok: false, failure })

const CAUSES: Readonly<Record<FleetSessionRefusalReason, CallFailure['cause']>> = {
  'unknown-device': 'unknown-device',
  'not-connected': 'not-connected',
  'node-unreachable': 'not-connected',
  'refused-at-node': 'not-connected',
  'no-link-with-account': 'not-connected',
  'link-full': 'link-full',
  'session-queue-full': 'link-full',
  'refused-by-device': 'refused-by-device',
  'channel-unanswered': 'device-timeout',
  'too-many-forwards': 'link-full',
  'too-many-forwards-of-user': 'link-full',
  'forwarding-refused': 'refused-by-device',
  'forwarding-unknown': 'refused-by-device',
  'port-closed': 'refused-by-device',
  'account-refused': 'refused-by-device',
  'own-ssh-not-proven': 'refused-by-device',
  'shutting-down': 'shutting-down',
  cancelled: 'client-gone',
}

/** Seconds that a client is told to wait; a device dials again within so many. */
const RETRY_AFTER: Partial<Record<CallFailure['cause'], number>> = {
  'not-connected': 15,
  'link-full': 5,
  'link-lost': 5,
  'shutting-down': 15,
}

/** The caller has no rights on the device, or nobody could have any: it is not known. */
export function notAuthorised({
  reason,
  message,
  hint,
}: {
  readonly reason: string
  readonly message: string
  readonly hint: string
}): CallFailure & { readonly cause: 'unknown-device' | 'no-rights' } {
  return { cause: reason === 'unknown-device' ? 'unknown-device' : 'no-rights', reason, message, hint }
}

/** A rule forbids the operation, for this reason. Nothing of it reached the device. */
export function operationForbidden(user: string, reason: string): CallFailure {
  return {
    cause: 'operation-forbidden',
    message: `user ${JSON.stringify(user)} may not do this on this device: ${reason}`,
    hint: 'ask whoever runs the bridge for a role whose `operations` include it',
  }
}

/** A reply was longer than may be held; `mayBe` says what it had to be held for. */
export function replyTooLarge({ message, mayBe }: ReplyTooLong): CallFailure {
  return mayBe === 'errors'
    ? {
        cause: 'reply-too-large',
        message: `${message}, which is too long for one that may hold errors`,
        hint: 'ask for less with a filter; over SSH, the reply is passed on at any length',
      }
    : {
        cause: 'reply-too-large',
        message: `${message}, which is too long to become JSON`,
        hint:
          'ask for `Accept: application/xml`, which is passed on at any length, or for less with a filter; ' +
          'or raise endpoint.http.max-json-reply-size',
      }
}

/** The device answered with something that is no reply. */
export function badReply(why: string): CallFailure {
  return { cause: 'bad-reply', message: `the device's reply cannot be read: ${why}`, hint: 'the device is at fault' }
}

/** Why the fleet gave no session. */
export function fromRefusal({ reason, message, hint }: FleetSessionRefusal): CallFailure {
  const cause = CAUSES[reason]
  const retryAfter = RETRY_AFTER[cause]
  return { cause, reason, message, hint, ...(retryAfter === undefined ? {} : { retryAfter }) }
}

/** Why a session that the device opened did not become one. */
export function noSession(deviceId: string, thrown: unknown): CallFailure {
  const [message, hint] =
    thrown instanceof NetconfSessionError ? [thrown.message, thrown.hint] : ['the session failed', 'see the log']
  return {
    cause: 'no-session',
    message: `device ${JSON.stringify(deviceId)} gave no NETCONF session: ${message}`,
    hint,
  }
}

/** An RPC that may have had its effect was not answered. */
export function outcomeUnknown(deviceId: string, why: string): CallFailure {
  return {
    cause: 'outcome-unknown',
    message:
      `device ${JSON.stringify(deviceId)} took the request, ` +
      `but its answer did not arrive: ${why}; whether it was carried out is not known`,
    hint: 'look at the device (get-config) before you send it again',
    mayHaveHappened: true,
    why,
  }
}

/**
 * What became of a request that got no answer: one that was never sent had no effect, of any other that is not known.
 */
export function unanswered(deviceId: string, thrown: unknown, linkEnd: LinkEnd | undefined): CallFailure {
  if (thrown instanceof NetconfSessionError) {
    const { code, message, hint } = thrown
    if (code === 'not-sendable') return { cause: 'invalid-request', message, hint }
    if (code === 'not-offered') return { cause: 'not-offered', message, hint }
    if (code === 'too-many-requests') return { cause: 'too-many-calls', message, hint, retryAfter: 1 }
  }
  return outcomeUnknown(deviceId, whyEnded(thrown, linkEnd))
}

/** A read was not answered, twice. */
export function linkLost(deviceId: string, why: string): CallFailure {
  return {
    cause: 'link-lost',
    message: `device ${JSON.stringify(deviceId)} did not answer: ${why}`,
    hint: 'the request had no effect; send it again once the device is connected',
    retryAfter: 5,
  }
}

export function deviceTimeout(deviceId: string, timeout: number, mayHaveEffect: boolean): CallFailure {
  const effect = mayHaveEffect ? '; it may still be carried out' : ''
  return {
    cause: 'device-timeout',
    message: `device ${JSON.stringify(deviceId)} did not answer within ${timeout / 1000} s${effect}`,
    hint: mayHaveEffect
      ? 'look at the device (get-config) before you send it again; ?timeout=5m allows more time'
      : '?timeout=5m allows more time',
    ...(mayHaveEffect ? { mayHaveHappened: true } : {}),
  }
}

export const clientGone: CallFailure = {
  cause: 'client-gone',
  message: 'the client went away',
  hint: 'nothing is to be done',
}

export const bridgeStopping: CallFailure = {
  cause: 'shutting-down',
  message: 'the bridge is stopping',
  hint: 'try again once it runs again',
  retryAfter: 15,
}

/** What ended a session, in words for a client. */
export function whyEnded(thrown: unknown, linkEnd: LinkEnd | undefined): string {
  if (linkEnd !== undefined) return `the link to it ended (${linkEnd.message})`
  return thrown instanceof Error ? thrown.message : 'the session ended'
}
