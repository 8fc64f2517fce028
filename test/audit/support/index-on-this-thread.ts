import { MessageChannel } from 'node:worker_threads'
import {
  openAuditIndex,
  type AuditIndex,
  type AuditIndexOptions,
  type IndexThread,
} from '../../../src/audit/files/audit-index.js'
import { serveAuditIndex, type ThreadOptions } from '../../../src/audit/files/index-thread.js'

/** The audit log for queries, with the very code of its thread on this one. */
export function openIndexHere(options: Omit<AuditIndexOptions, 'start'>): AuditIndex {
  return openAuditIndex({ ...options, start: startHere })
}

function startHere(options: ThreadOptions): IndexThread {
  const { port1, port2 } = new MessageChannel()
  serveAuditIndex(port2, options)
  return port1
}
