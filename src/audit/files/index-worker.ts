import { parentPort, workerData } from 'node:worker_threads'
import { serveRecords, type ThreadOptions } from './index-thread.js'

// The thread that record-index.ts starts.
if (parentPort !== null) serveRecords(parentPort, workerData as ThreadOptions)
