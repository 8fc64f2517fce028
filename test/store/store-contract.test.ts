import { afterAll, beforeAll } from 'vitest'
import { type Pgbouncer, startPgbouncer } from '../e2e/parts/pgbouncer.js'
import { type PostgresServer, startPostgresServer } from '../e2e/parts/postgres-server.js'
import { makePostgresRoom } from './postgres-room.js'
import { describeSharedStore } from './shared-store-contract.js'
import { describeStore } from './store-contract.js'
import { makeStoreRoom } from './store-room.js'

let server: PostgresServer
let pgbouncer: Pgbouncer

beforeAll(async () => {
  server = await startPostgresServer()
  pgbouncer = await startPgbouncer(server)
}, 60_000)
afterAll(async () => {
  await pgbouncer.stop()
  await server.remove()
})

describeStore('the store in SQLite', makeStoreRoom)

for (const { name, makeRoom } of [
  { name: 'the store in PostgreSQL', makeRoom: () => makePostgresRoom(server) },
  {
    name: 'the store in PostgreSQL behind pgbouncer in transaction mode',
    makeRoom: () => makePostgresRoom(server, pgbouncer.through),
  },
]) {
  describeStore(name, makeRoom)
  describeSharedStore(`${name}, opened twice`, makeRoom)
}
