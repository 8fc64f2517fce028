import { parentPort } from 'node:worker_threads'
import { serveConversions } from './conversion-thread.js'

// The thread that conversion-desk.ts starts.
if (parentPort !== null) serveConversions(parentPort)
