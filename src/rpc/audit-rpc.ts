import type { AuditLog } from '../audit/audit-log.js'
import { boundedRpc, type RpcEntry } from '../audit/audit-event.js'
import type { Span } from '../telemetry/traces.js'
import { traceRpc } from './trace-rpc.js'

/** Tells the audit log, and the trace of the call, of an RPC that has ended. */
export function auditRpc(audit: Pick<AuditLog, 'rpc'>, span: Span | undefined, ended: RpcEntry): void {
  const entry = boundedRpc(ended)
  audit.rpc(entry)
  if (span !== undefined) traceRpc(span, entry)
}
