import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Span } from '../../telemetry/traces.js'
import type { BodyBounds } from './middleware/body-budget.js'
import type { Caller } from './middleware/caller.js'
import type { Peer } from './middleware/peer.js'

/** Who calls, or the answer to somebody who has not proven to be anybody. */
export type Identified =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly response: Response }

/** Finds out who calls; each way in has its own. */
export type Identify = (c: Context<ApiEnv>) => Identified | Promise<Identified>

export type ApiEnv = {
  /** Node's request and response, where there is a connection below: a test may call the app without. */
  Bindings: Partial<HttpBindings>
  Variables: {
    /** Who calls. Set for routes that state a scope (`needs` in require-scope.ts), and only there. */
    caller: Caller
    identify: Identify
    /** What the call may send. */
    bodyBounds: BodyBounds
    /** Where the call comes from. */
    peer: Peer
    /** Names the call in the log, in the answer and in problem details. */
    requestId: string
    /** Of the call, where traces are switched on. */
    span: Span | undefined
    /** Aborted when the bridge is stopping: a stream without an end of its own, such as of events, ends then. */
    draining: AbortSignal
  }
}
