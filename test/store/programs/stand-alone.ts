import { openPostgresStore } from '../../../src/store/postgres/postgres-store.js'
import { full, written } from '../store-room.js'

/** Opens a store as its only node, writes an enrolment, says so, and stands there until it is killed. */
const [url = '', key = ''] = process.argv.slice(2)
const opened = await openPostgresStore({
  url,
  keys: [Buffer.from(key, 'base64')],
  alone: { id: 'a', lease: 3_000, heartbeat: 100, onReplaced: ({ message }) => process.stdout.write(`${message}\n`) },
  touchInterval: 60_000,
  onProblem: ({ message }) => process.stdout.write(`${message}\n`),
})
if (!opened.ok) throw new Error(opened.failure.message)
written(await opened.store.enrolments.update('router1', () => full('router1')))
process.stdout.write('standing\n')
setInterval(() => undefined, 1_000)
