import { type AuditLog, type AuditLogOptions, createAuditLog } from '../../../src/audit/audit-log.js'
import type { SessionAudit } from '../../../src/audit/session-audit.js'
import type { AuditEvent, SessionInfo } from '../../../src/audit/audit-event.js'
import { CAPABILITY } from '../../../src/netconf/capabilities.js'
import { encodeFrame } from '../../../src/netconf/framing/frame-encoder.js'
import type { Framing } from '../../../src/netconf/framing/framing.js'
import { buildHello } from '../../../src/netconf/hello.js'
import { serialiseXml } from '../../../src/netconf/xml/xml-serialise.js'

export const info: SessionInfo = {
  user: 'netops',
  source: '192.0.2.1:50000',
  via: 'ssh',
  deviceId: 'router1',
  sessionId: 'abcd1234',
  channel: 'netconf',
  request: 'netconf',
  roles: ['operator'],
  method: 'publickey',
}

/** An audit log that is kept in memory, with a clock that the test moves. */
export function auditInMemory(options: Partial<AuditLogOptions> = {}) {
  const lines: AuditEvent[] = []
  const clock = { milliseconds: 0 }
  const auditLog: AuditLog = createAuditLog({
    sink: { write: (entry) => lines.push(entry), problem: () => undefined },
    whenFull: () => 'refuse',
    now: () => clock.milliseconds,
    date: () => Date.UTC(2026, 0, 1) + clock.milliseconds,
    queue: { add: (look, bytes, at) => look(bytes, at), drain: () => undefined },
    ...options,
  })
  return { auditLog, lines, clock }
}

/** A session whose hellos have passed. */
export function openSession(auditLog: AuditLog, framing: Framing = 'end-of-message'): SessionAudit {
  const opened = auditLog.session(info)
  if (!opened.ok) throw new Error(opened.refusal.message)
  const { audit } = opened
  const capabilities = [framing === 'chunked' ? CAPABILITY.base11 : CAPABILITY.base10]
  audit.fromClient(encodeFrame('end-of-message', serialiseXml(buildHello({ capabilities }))))
  audit.fromDevice(encodeFrame('end-of-message', serialiseXml(buildHello({ capabilities, sessionId: 4711 }))))
  return audit
}
