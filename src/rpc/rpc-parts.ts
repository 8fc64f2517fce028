import type { Principal } from '../access/authz/principal.js'
import type { AuditLog } from '../audit/audit-log.js'
import type { Fleet } from '../fleet/fleet.js'
import { type Failed, failedWith } from './call-failure.js'
import type { CallGate } from './call-gate.js'
import type { ClientSessions } from './client-sessions.js'
import type { SessionPool } from './session-pool.js'

/** What carries out requests, and bounds them. */
export interface RpcParts {
  readonly fleet: Pick<Fleet, 'openSession' | 'whenAttached'>
  readonly gate: CallGate
  readonly pool: SessionPool
  /** Whether a device knows its users by name, so that they share no sessions there. */
  readonly perUser: (deviceId: string) => boolean
  readonly sessions: ClientSessions
  readonly audit: Pick<AuditLog, 'refusal' | 'rpc'>
  /** Counts an operation that a rule forbade. */
  readonly denied: () => void
}

/**
 * Lets a call to a device begin, if it can be audited and there is room for it. `leave` is called once, when it is
 * over.
 */
export function enterCall(
  { audit, gate }: Pick<RpcParts, 'audit' | 'gate'>,
  deviceId: string,
  principal: Principal,
): { readonly ok: true; readonly leave: () => void } | Failed {
  const notAudited = audit.refusal()
  return notAudited === undefined
    ? gate.enter(deviceId, principal)
    : failedWith({ ...notAudited, cause: notAudited.reason })
}
