import type { StreamedReply } from '../netconf/reply-sinks.js'
import type { SentOperation } from '../netconf/written-operation.js'
import type { Span } from '../telemetry/traces.js'
import type { CallDeadline } from './call-deadline.js'
import type { Failed } from './call-failure.js'

/**
 * Where operations are sent. Whatever takes one here takes it in this way, so that each is a layer over a device's
 * session:
 *
 *     sessions that are shared   pool.at(place)           shared-sessions.ts   ┐
 *     a session of a client's    sessions.find(…)         client-sessions.ts   ├─ over a device session
 * (device-session.ts)
 *     a session for one call     oneShotSession(…)        one-shot-session.ts  ┘
 */
export interface Dispatcher {
  /**
   * Sends an operation; answers once its reply begins. Whoever gets a reply reads its body to the end or destroys it.
   */
  readonly ask: (operation: SentOperation, options: AskOptions) => Promise<Asked>
}

/** How an operation is sent. */
export interface AskOptions {
  /** `signal` gives up on what was not sent yet, and on a read; `time` gives up on the reply to anything. */
  readonly deadline: Pick<CallDeadline, 'signal' | 'time'>
  /** Whether it has no effect, so that it may be sent again where its session dies before the reply begins. */
  readonly repeatable: boolean
  /** Of the call that it belongs to. */
  readonly span?: Span | undefined
}

export type Asked = { readonly ok: true; readonly reply: StreamedReply } | Failed
