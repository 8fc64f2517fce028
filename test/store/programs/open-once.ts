import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'

const [, , directory = ''] = process.argv
const opened = await openSqliteStore({ directory, touchInterval: 60_000, busyTimeout: 20, onProblem: () => {} })
process.stdout.write(JSON.stringify(opened.ok ? null : opened.failure))
if (opened.ok) await opened.store.close()
