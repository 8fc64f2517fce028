import type { RightEndReason } from '../../access/authz/right-end.js'
import type { CallFailure } from '../../rpc/call-failure.js'
import type { JobProblem } from '../../rpc/jobs/job-queue.js'

/** What an answer with a problem detail has by its type (RFC 9457 §3.1). */
interface ProblemEntry {
  readonly status: number
  readonly title: string
}

/** What rooms below say went wrong, and what a job ends with; the compiler finds one that has no entry. */
type FromBelow =
  | Exclude<CallFailure['cause'], 'client-gone'>
  | Exclude<RightEndReason, 'rules-changed' | 'account-changed' | 'classical-key-exchange'>
  | JobProblem

/**
 * Every problem that the HTTP API answers with: the stable end of its `type`, with its status and title. A test holds
 * the tables of docs/http.md and docs/http-serving.md to it.
 */
export const PROBLEM_TYPES = {
  'body-cut-off': { status: 400, title: 'The body was cut off' },
  'malformed-json': { status: 400, title: 'Malformed JSON' },
  'malformed-xml': { status: 400, title: 'Malformed XML' },
  'not-authenticated': { status: 401, title: 'Not authenticated' },
  'wrong-password': { status: 401, title: 'Wrong user or password' },
  'invalid-token': { status: 401, title: 'Invalid token' },
  'expired-token': { status: 401, title: 'Expired token' },
  'revoked-token': { status: 401, title: 'Revoked token' },
  'insecure-transport': { status: 403, title: 'Insecure transport' },
  'foreign-origin': { status: 403, title: 'Foreign origin' },
  'out-of-scope': { status: 403, title: 'Out of scope' },
  'no-rights': { status: 403, title: 'No rights on the device' },
  'credentials-not-allowed': { status: 403, title: 'Credentials not allowed' },
  'not-for-others': { status: 403, title: 'Not for others' },
  'operation-forbidden': { status: 403, title: 'Operation forbidden' },
  'user-removed': { status: 403, title: 'The user was removed' },
  'login-withdrawn': { status: 403, title: 'The login does not count any more' },
  'unknown-path': { status: 404, title: 'Unknown path' },
  'unknown-device': { status: 404, title: 'Unknown device' },
  'unknown-job': { status: 404, title: 'Unknown job' },
  'unknown-session': { status: 404, title: 'Unknown session' },
  'unknown-token': { status: 404, title: 'Unknown token' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'nothing-presented': { status: 409, title: 'The device has presented no key' },
  'fingerprint-mismatch': { status: 409, title: 'The device has presented another key' },
  'decided-by-configuration': { status: 409, title: 'The configuration decides for this device' },
  'not-imported': { status: 409, title: 'One or more devices cannot be imported' },
  'already-known': { status: 409, title: 'The device is known already' },
  'too-many-tokens': { status: 409, title: 'Too many tokens' },
  'job-running': { status: 409, title: 'The job runs' },
  'needs-session': { status: 409, title: 'The operation needs a session' },
  'idempotency-key-in-use': { status: 409, title: 'The first request with this key is under way' },
  'answer-not-kept': { status: 409, title: 'The request was carried out already' },
  'session-ended': { status: 410, title: 'The session has ended' },
  'body-too-large': { status: 413, title: 'Body too large' },
  'reply-too-large': { status: 413, title: 'The reply is too large for JSON' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  // RFC 9110 §15.5.20: this server does not answer for that name.
  'unknown-host': { status: 421, title: 'Unknown host name' },
  'invalid-request': { status: 422, title: 'Invalid request' },
  'unknown-user': { status: 422, title: 'Unknown user' },
  'idempotency-key-reused': { status: 422, title: 'The key belongs to another request' },
  'too-many-jobs': { status: 429, title: 'Too many jobs' },
  'too-many-attempts': { status: 429, title: 'Too many attempts' },
  'too-many-calls': { status: 429, title: 'Too many calls' },
  'too-many-sessions': { status: 429, title: 'Too many sessions' },
  'internal-error': { status: 500, title: 'Internal error' },
  // Its status is that of the first error, as RFC 8040 §7 maps it.
  'rpc-error': { status: 500, title: 'The device answered with an error' },
  'not-offered': { status: 501, title: 'The device does not offer the operation' },
  'refused-by-device': { status: 502, title: 'The device refused a session' },
  'no-session': { status: 502, title: 'The device gave no NETCONF session' },
  'bad-reply': { status: 502, title: 'The device answered what is no reply' },
  'outcome-unknown': { status: 502, title: 'The outcome is not known' },
  'record-not-readable': { status: 503, title: 'The audit log cannot be searched' },
  'identity-provider-unreachable': { status: 503, title: 'The identity provider does not answer' },
  'shutting-down': { status: 503, title: 'The bridge is stopping' },
  'not-connected': { status: 503, title: 'The device is not connected' },
  'link-full': { status: 503, title: 'The device has no free session' },
  'link-lost': { status: 503, title: 'The device did not answer' },
  'record-not-written': { status: 503, title: 'The call could not be recorded' },
  'too-many-connections': { status: 503, title: 'Too many connections' },
  'device-timeout': { status: 504, title: 'The device did not answer in time' },
  'job-expired': { status: 504, title: 'The device was not there in time' },
  // RFC 4918 §11.5: the server is unable to store what the request would change.
  'not-written': { status: 507, title: 'The change could not be stored' },
} as const satisfies Readonly<Record<FromBelow, ProblemEntry>> & Readonly<Record<string, ProblemEntry>>

export type ProblemType = keyof typeof PROBLEM_TYPES
export type StatusOf<Type extends ProblemType> = (typeof PROBLEM_TYPES)[Type]['status']

/** The whole `type` of a problem. */
export const problemUri = (type: ProblemType): string => `urn:homeport:problem:${type}`
