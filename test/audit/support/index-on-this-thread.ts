import { MessageChannel } from 'node:worker_threads'
import {
  openRecordIndex,
  type RecordIndex,
  type RecordIndexOptions,
  type RecordThread,
} from '../../../src/audit/files/audit-index.js'
import { serveRecords, type ThreadOptions } from '../../../src/audit/files/index-thread.js'

/** The record for queries, with the very code of its thread on this one. */
export function openIndexHere(options: Omit<RecordIndexOptions, 'start'>): RecordIndex {
  return openRecordIndex({ ...options, start: startHere })
}

function startHere(options: ThreadOptions): RecordThread {
  const { port1, port2 } = new MessageChannel()
  serveRecords(port2, options)
  return port1
}
