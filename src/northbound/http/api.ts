import type { OpenAPIHono } from '@hono/zod-openapi'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { FindAuditEvents } from '../../audit/audit-query.js'
import type { TokenService } from '../../access/authn/token-service.js'
import type { Enrolments } from '../../fleet/enrolment/enrolment.js'
import type { Fleet } from '../../fleet/fleet.js'
import type { ConversionService } from './rpc/conversion-service.js'
import type { IdempotencyCache } from './rpc/idempotency.js'
import type { JobQueue } from '../../rpc/jobs/job-queue.js'
import type { FleetEventLog } from '../../fleet/event-log.js'
import type { UserPlaces } from '../../net/user-places.js'
import type { RpcService } from '../../rpc/rpc-service.js'
import type { ApiEnv } from './api-env.js'
import type { NodeView } from './routes/nodes/node-view.js'

export type { ApiEnv, Identified, Identify } from './api-env.js'

/** What the routes ask of the fleet. */
export interface HttpServices {
  readonly fleet: Pick<
    Fleet,
    'device' | 'devices' | 'openSession' | 'whenAttached' | 'sessions' | 'disconnect' | 'endSession'
  >
  readonly enrolments: Enrolments
  /** The bridges that are one together; none where this one is alone. */
  readonly nodes: () => readonly NodeView[]
  /** The port where clients reach all devices over SSH, as it is bound. */
  readonly clientPort: () => number
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
  /** Event streams that are open. */
  readonly streams: UserPlaces
  /** What goes on for as long as its caller's right. */
  readonly live: LiveRights
}

/** The app that routes are registered on. */
export type Api = OpenAPIHono<ApiEnv>
