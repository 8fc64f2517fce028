import { Worker } from 'node:worker_threads'

/** A real thread, on which the first thing that it is asked throws what libsql throws. */
export function threadThatEnds(): Worker {
  const code = `
    const { createRequire } = require('node:module')
    const Database = createRequire(${JSON.stringify(import.meta.url)})('libsql')
    require('node:worker_threads').parentPort.on('message', () => new Database(':memory:').exec('SELECT nothing'))`
  return new Worker(code, { eval: true })
}
