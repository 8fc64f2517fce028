import type { HttpBindings } from '@hono/node-server'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { FindAuditEvents } from '../../audit/audit-query.js'
import type { TokenService } from '../../access/authn/token-service.js'
import type { Enrolments } from '../../fleet/enrolment/enrolment.js'
import type { Fleet } from '../../fleet/fleet.js'
import type { Span } from '../../telemetry/traces.js'
import type { BodyBounds } from './middleware/body-budget.js'
import type { Caller } from './middleware/caller.js'
import type { Peer } from './middleware/peer.js'
import type { ConversionService } from './rpc/conversion-service.js'
import type { IdempotencyCache } from './rpc/idempotency.js'
import type { JobQueue } from '../../rpc/jobs/job-queue.js'
import type { FleetEventLog } from '../../fleet/event-log.js'
import type { StreamCount } from './streams/stream-count.js'
import type { RpcService } from '../../rpc/rpc-service.js'

/** What the routes ask of the fleet. */
export interface HttpServices {
  readonly fleet: Pick<
    Fleet,
    'device' | 'devices' | 'openSession' | 'whenAttached' | 'sessions' | 'disconnect' | 'endSession'
  >
  readonly enrolments: Enrolments
  readonly findAuditEvents: FindAuditEvents
  readonly tokens: TokenService
  readonly rpc: RpcService
  /** Answers that are kept, so that a request that is sent again is not carried out again. */
  readonly idempotency: IdempotencyCache
  /** For XML and JSON that is too large for this thread. */
  readonly conversions: ConversionService
  readonly jobs: JobQueue
  /** What happens in the fleet. */
  readonly events: FleetEventLog
  readonly streams: StreamCount
  /** What goes on for as long as its caller's right. */
  readonly live: LiveRights
}

/** Who calls, or the answer to somebody who has not proven to be anybody. */
export type Identified =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly response: Response }

/** Finds out who calls; each way in has its own. */
export type Identify = (c: Context<ApiEnv>) => Identified | Promise<Identified>

export type ApiEnv = {
  /** Node's request and response, where there is a connection below: a test may call the app without. */
  Bindings: Partial<HttpBindings> & {
    /** For whom the bridge itself calls: the owner of a job. */
    readonly caller?: Caller
  }
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

/** The app that routes are registered on. */
export type Api = OpenAPIHono<ApiEnv>
