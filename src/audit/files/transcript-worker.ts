import { parentPort, workerData } from 'node:worker_threads'
import { serveTranscripts, type TranscriptSettings } from './transcript-thread.js'

// The thread that transcripts.ts starts.
if (parentPort !== null) serveTranscripts(parentPort, workerData as TranscriptSettings)
