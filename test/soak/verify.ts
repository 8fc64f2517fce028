import type { RunningBridge } from '../e2e/support/bridge.js'
import { createCaller } from '../e2e/support/http-api.js'
import { auditLines, auditFileOf } from '../e2e/support/audit-lines.js'
import type { Acknowledged } from './load.js'

/** What was acknowledged and is not there, in words; none where all is. */
export async function missing(bridge: RunningBridge, acknowledged: Acknowledged): Promise<readonly string[]> {
  return [...(await missingInAuditLog(bridge, acknowledged)), ...(await missingInStore(bridge, acknowledged))]
}

async function missingInAuditLog(bridge: RunningBridge, { messageIds, overHttp }: Acknowledged): Promise<string[]> {
  const lines = (await auditLines(auditFileOf(bridge))).filter(({ event }) => event === 'rpc')
  const audited = new Set(lines.map((line) => line['messageId']))
  const counts = new Map<string, number>()
  for (const { via, deviceId, operation } of lines) {
    if (via !== 'http') continue
    const key = `${String(deviceId)} ${String(operation)}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [
    ...[...messageIds]
      .filter((id) => !audited.has(id))
      .map((id) => `the audit log has no RPC ${id}, which was answered`),
    ...[...overHttp]
      .filter(([key, count]) => (counts.get(key) ?? 0) < count)
      .map(([key, count]) => `the audit log has ${counts.get(key) ?? 0} of ${count} answered calls: ${key}`),
  ]
}

async function missingInStore(bridge: RunningBridge, { jobs, approvals }: Acknowledged): Promise<string[]> {
  const caller = createCaller(bridge, 4)
  const found: string[] = []
  try {
    for (const id of jobs) {
      const { status } = await caller.call(`/api/v1/jobs/${id}`, { method: 'GET' })
      if (status !== 200) found.push(`job ${id} was accepted, and is not there: ${status}`)
    }
    for (const id of approvals) {
      const { status, body } = await caller.call(`/api/v1/devices/${id}`, { method: 'GET' })
      if (status !== 200 || !body.includes('"approved"'))
        found.push(`device ${id} was approved, and is not: ${status} ${body.slice(0, 200)}`)
    }
  } finally {
    caller.stop()
  }
  return found
}
