import type { Context } from 'hono'
import { boundedRpc, type RpcEntry } from '../../../audit/audit-event.js'
import { traceRpc } from '../../../rpc/trace-rpc.js'
import type { ApiEnv, HttpServices } from '../api.js'

/** Tells the audit log, and the trace of the call, of an RPC that has ended. */
export function recordRpc(c: Context<ApiEnv>, { rpc }: Pick<HttpServices, 'rpc'>, ended: RpcEntry): void {
  const entry = boundedRpc(ended)
  rpc.record.rpc(entry)
  const { span } = c.var
  if (span !== undefined) traceRpc(span, entry)
}
