import type { ViolationReason } from '../fleet/refusals/session-ends.js'
import type { Refusal } from '../lib/refusal.js'
import type { ByteSink } from './byte-sink.js'

/** Why a session cannot go on, as the client is told and as the log has it. */
export type ProtocolViolation = Refusal<ViolationReason>

/** Stands between a client and a device, and looks at what passes before it does. */
export interface RelayGuard {
  readonly fromClient: ByteSink
  readonly fromDevice: ByteSink
  /** Settles when the session must end, once the client was told why as far as NETCONF can. */
  readonly violated: Promise<ProtocolViolation>
  /**
   * Why the session will end, from when it is known: the client is told in the order of replies, and the device may end
   * before that.
   */
  readonly found: () => ProtocolViolation | undefined
  /** The client is gone: what it had sent may still go to the device, and nobody reads refusals. */
  readonly clientGone: () => void
  /** Gives up what is held. */
  readonly stop: () => void
}

/** What passes a guard. */
export interface GuardedSinks {
  readonly toDevice: ByteSink
  readonly toClient: ByteSink
}

/** Puts the guard of one session where its bytes pass. */
export type StartGuard = (sinks: GuardedSinks) => RelayGuard
