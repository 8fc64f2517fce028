import { parentPort } from 'node:worker_threads'
import { serveConversions } from './conversion-thread.js'

// The thread that conversion-service.ts starts.
if (parentPort !== null) serveConversions(parentPort)
