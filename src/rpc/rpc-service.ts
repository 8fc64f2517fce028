import type { AuditLog } from '../audit/audit-log.js'
import type { Fleet } from '../fleet/fleet.js'
import { type CallGate, createCallGate } from './call-gate.js'
import type { CallLimits } from './call-limits.js'
import {
  type ConversionService,
  createConversionService,
  type NotConverted,
} from '../northbound/http/rpc/conversion-service.js'
import { createClientSessions, type ClientSessions } from './client-sessions.js'
import { createIdempotencyCache, type IdempotencyCache } from '../northbound/http/rpc/idempotency.js'
import { createSessionPool, type SessionPool } from './session-pool.js'

/** A bound on what is in a request, named as its key in `endpoint.http`. */
export type RequestBound = 'max-request-elements' | 'max-selector-patterns'

/** What calls over HTTP share: the sessions, the bounds, the answers that are kept. */
export interface RpcService {
  readonly limits: () => CallLimits
  readonly gate: CallGate
  readonly pool: SessionPool
  readonly sessions: ClientSessions
  readonly answers: IdempotencyCache
  /** For XML and JSON that is too large for this thread. */
  readonly conversions: ConversionService
  readonly record: Pick<AuditLog, 'refusal' | 'rpc'>
  /** Counts an operation that a rule forbade. */
  readonly denied: () => void
  /** Counts a request that was refused because of a bound on what is in it. */
  readonly boundReached: (bound: RequestBound) => void
  /** Keeps no session for calls that may come; those under way are answered, and sessions of callers' own go on. */
  readonly drain: () => void
  /** Ends every session that calls have open. */
  readonly close: () => Promise<void>
}

export function createRpcService(options: {
  readonly fleet: Pick<Fleet, 'openSession' | 'subscribe'>
  readonly limits: () => CallLimits
  readonly record: Pick<AuditLog, 'refusal' | 'rpc'>
  readonly denied: () => void
  /** Counts large XML or JSON that was not converted. */
  readonly notConverted?: (why: NotConverted) => void
  readonly boundReached?: (bound: RequestBound) => void
}): RpcService {
  const { fleet, limits, record, denied } = options
  const pool = createSessionPool(fleet, limits)
  const { notConverted, boundReached = () => undefined } = options
  const conversions = createConversionService({
    limits,
    ...(notConverted === undefined ? {} : { refused: notConverted }),
  })
  const sessions = createClientSessions(fleet, limits)
  return {
    limits,
    gate: createCallGate(limits),
    pool,
    sessions,
    answers: createIdempotencyCache(limits),
    conversions,
    record,
    denied,
    boundReached,
    drain: pool.drain,
    close: async () => {
      await Promise.all([pool.close(), sessions.closeAll(), conversions.close()])
    },
  }
}
