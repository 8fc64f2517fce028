import type { ProtocolViolation } from '../../../relay/relay-guard.js'

/** What is wrong with what a client sent, as far as it decides how NETCONF answers it. */
export type ViolationCause = 'bad-hello' | 'malformed' | 'too-big' | 'too-much-held'

/** A violation of a client's, with its cause. */
export interface FoundViolation {
  readonly cause: ViolationCause
  readonly found: ProtocolViolation
}
