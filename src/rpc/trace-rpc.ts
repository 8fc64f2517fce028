import type { RpcEntry } from '../audit/audit-event.js'
import type { Span } from '../telemetry/traces.js'

/**
 * Tells a trace of an RPC that has ended, with what the audit log has of it: never what it carried.
 * @param endedAt milliseconds since 1970
 */
export function traceRpc(parent: Span, entry: RpcEntry, endedAt: number = Date.now()): void {
  if (!parent.recorded) return
  const { user, via, deviceId, sessionId, messageId, operation, namespace, datastore, outcome } = entry
  const span = parent.child(operation, {
    kind: 'client',
    startedAt: endedAt - entry.durationSeconds * 1000,
    attributes: {
      'rpc.system.name': 'netconf',
      'rpc.method': operation,
      'rpc.response.status_code': outcome,
      'homeport.rpc.namespace': namespace,
      'homeport.rpc.message_id': messageId,
      'homeport.rpc.datastore': datastore,
      'homeport.rpc.request_size': entry.bytesFromClient,
      'homeport.rpc.reply_size': entry.bytesFromDevice,
      'homeport.device.id': deviceId,
      'homeport.session.id': sessionId,
      'homeport.user': user,
      'homeport.via': via,
    },
  })
  if (outcome !== 'ok') span.fail(outcome)
  span.end(endedAt)
}
