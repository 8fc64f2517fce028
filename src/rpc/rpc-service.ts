import type { Recorder } from '../audit/audit-log.js'
import type { Fleet } from '../fleet/fleet.js'
import { type CallGate, createCallGate } from './call-gate.js'
import type { CallLimits } from './call-limits.js'
import { type ConversionDesk, createConversionDesk, type NotConverted } from '../northbound/http/rpc/conversion-desk.js'
import { createExplicitSessions, type ExplicitSessions } from './client-sessions.js'
import { createKeptAnswers, type KeptAnswers } from '../northbound/http/rpc/idempotency.js'
import { createWarmSessions, type WarmSessions } from './session-pool.js'

/** A bound on what is in a request, named as its key in `endpoint.http`. */
export type RequestBound = 'max-request-elements' | 'max-selector-patterns'

/** What calls over HTTP share: the sessions, the bounds, the answers that are kept. */
export interface RpcDesk {
  readonly limits: () => CallLimits
  readonly gate: CallGate
  readonly warm: WarmSessions
  readonly sessions: ExplicitSessions
  readonly answers: KeptAnswers
  /** For XML and JSON that is too large for this thread. */
  readonly conversions: ConversionDesk
  readonly record: Pick<Recorder, 'refusal' | 'rpc'>
  /** Counts an operation that a rule forbade. */
  readonly denied: () => void
  /** Counts a request that was refused because of a bound on what is in it. */
  readonly boundReached: (bound: RequestBound) => void
  /** Keeps no session for calls that may come; those under way are answered, and sessions of callers' own go on. */
  readonly drain: () => void
  /** Ends every session that calls have open. */
  readonly close: () => Promise<void>
}

export function createRpcDesk(options: {
  readonly fleet: Pick<Fleet, 'openSession' | 'events'>
  readonly limits: () => CallLimits
  readonly record: Pick<Recorder, 'refusal' | 'rpc'>
  readonly denied: () => void
  /** Counts large XML or JSON that was not converted. */
  readonly notConverted?: (why: NotConverted) => void
  readonly boundReached?: (bound: RequestBound) => void
}): RpcDesk {
  const { fleet, limits, record, denied } = options
  const warm = createWarmSessions(fleet, limits)
  const { notConverted, boundReached = () => undefined } = options
  const conversions = createConversionDesk({
    limits,
    ...(notConverted === undefined ? {} : { refused: notConverted }),
  })
  const sessions = createExplicitSessions(fleet, limits)
  return {
    limits,
    gate: createCallGate(limits),
    warm,
    sessions,
    answers: createKeptAnswers(limits),
    conversions,
    record,
    denied,
    boundReached,
    drain: warm.drain,
    close: async () => {
      await Promise.all([warm.close(), sessions.closeAll(), conversions.close()])
    },
  }
}
