/** Why a client session could not do what was asked, or ended. */
export type SessionErrorCode =
  | 'hello-timeout'
  | 'bad-hello'
  | 'no-common-base'
  | 'reply-timeout'
  | 'cancelled'
  | 'invalid-framing'
  | 'message-too-big'
  | 'malformed-message'
  | 'unexpected-message'
  | 'too-many-requests'
  | 'not-sendable'
  | 'not-offered'
  | 'channel-failed'
  | 'session-closed'

/** Thrown at the edge of a client session: what failed, why, and what may help. */
export class NetconfSessionError extends Error {
  constructor(
    readonly code: SessionErrorCode,
    cause: string,
    readonly hint: string,
  ) {
    super(cause)
    this.name = 'NetconfSessionError'
  }
}
