import type { StreamedReply } from '../netconf/reply-sinks.js'
import type { SentOperation } from '../netconf/written-operation.js'
import type { Span } from '../telemetry/traces.js'
import type { CallDeadline } from './call-deadline.js'
import type { Failed } from './call-failure.js'

/**
 * Sends operations to a device. Three dispatchers exist. Each of them is a layer over a NETCONF session on the device
 * (`device-session.ts`):
 *
 *     sessions that are shared   pool.at(place)           shared-sessions.ts   ┐
 *     a session of a client's    sessions.find(…)         client-sessions.ts   ├─ device-session.ts
 *     a session for one call     oneShotSession(…)        one-shot-session.ts  ┘
 */
export interface Dispatcher {
  /**
   * Sends an operation, and settles once its reply begins. The caller reads the reply's body to the end or destroys it.
   */
  readonly ask: (operation: SentOperation, options: AskOptions) => Promise<Asked>
}

/** How an operation is sent. */
export interface AskOptions {
  /** `signal` cancels an operation that was not sent yet, or that reads. `time` ends the wait for any reply. */
  readonly deadline: Pick<CallDeadline, 'signal' | 'time'>
  /** Whether the operation changes nothing. It is then sent again when its session dies before the reply begins. */
  readonly repeatable: boolean
  /** The trace span of the call that the operation belongs to. */
  readonly span?: Span | undefined
}

export type Asked = { readonly ok: true; readonly reply: StreamedReply } | Failed
