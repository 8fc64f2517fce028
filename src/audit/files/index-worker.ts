import { parentPort, workerData } from 'node:worker_threads'
import { serveAuditIndex, type ThreadOptions } from './index-thread.js'

// The thread that audit-index.ts starts.
if (parentPort !== null) serveAuditIndex(parentPort, workerData as ThreadOptions)
