import type { ViolationReason } from '../../../fleet/refusals/session-ends.js'
import type { Refusal } from '../../../lib/refusal.js'

/** Why a session cannot go on, as the client is told and as the log has it. */
export type ProtocolViolation = Refusal<ViolationReason>

/** What is wrong with what a client sent, as far as it decides how NETCONF answers it. */
export type ViolationCause = 'bad-hello' | 'malformed' | 'too-big' | 'too-much-held'

/** A violation of a client's, with its cause. */
export interface FoundViolation {
  readonly cause: ViolationCause
  readonly found: ProtocolViolation
}
