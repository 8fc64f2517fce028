import { isMainThread } from 'node:worker_threads'
import { measureLoopTurns } from './loop-turn-meter.mjs'

// Loaded into the bridge by a test: on SIGURG it writes the longest turn since the last SIGURG as one line of JSON.
// The bridge's other threads load it as well, and have a loop that serves nobody.
if (isMainThread) {
  const turns = measureLoopTurns()
  process.on('SIGURG', () => {
    const milliseconds = turns.longest()
    turns.restart()
    process.stderr.write(`${JSON.stringify({ level: 'report', msg: 'longest turn', milliseconds })}\n`)
  })
}
