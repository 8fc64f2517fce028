/** Why a client session gives no reply, or ends, in the words that users read. */
import type { Need } from './capabilities.js'
import type { FramingError } from './framing/framing.js'
import { NetconfSessionError } from './session-error.js'

export function unexpected(what: string): NetconfSessionError {
  return new NetconfSessionError('unexpected-message', `the peer sent ${what}`, 'the peer is at fault')
}

export function framingFailed({ kind, cause, hint }: FramingError): NetconfSessionError {
  return new NetconfSessionError(kind === 'invalid-chunk' ? 'invalid-framing' : 'message-too-big', cause, hint)
}

export function tooBig(limit: number): NetconfSessionError {
  const hint = 'raise the bound on message size, or ask for less with a filter'
  return new NetconfSessionError('message-too-big', `a NETCONF message is larger than ${limit} bytes`, hint)
}

export function tooMany(limit: number): NetconfSessionError {
  const message = `as many requests await their replies as may: ${limit}`
  return new NetconfSessionError('too-many-requests', message, 'wait for some of them')
}

export function notSendable(cause: string): NetconfSessionError {
  return new NetconfSessionError('not-sendable', `the request was not sent: ${cause}`, 'correct the request')
}

export function notOffered({ name }: Need): NetconfSessionError {
  const cause = `the request was not sent: the server does not announce ${name} in its <hello>`
  return new NetconfSessionError('not-offered', cause, 'use an operation that it has, or switch the feature on there')
}

export function timedOut(timeout: number): NetconfSessionError {
  const hint = 'give the request more time, or close the session'
  return new NetconfSessionError('reply-timeout', `no reply within ${timeout} ms`, hint)
}

export function cancelled(): NetconfSessionError {
  return new NetconfSessionError('cancelled', 'the request was given up', 'nothing is to be done')
}

export function sessionClosed(cause: string): NetconfSessionError {
  return new NetconfSessionError('session-closed', cause, 'open a new session')
}
