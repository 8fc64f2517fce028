import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { sharedDevice } from '../../../src/store/postgres/shared-device.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { makePostgresRoom, type PostgresRoom } from '../postgres-room.js'
import { full, put } from '../store-room.js'

let server: PostgresServer
let room: PostgresRoom

beforeAll(async () => {
  server = await startPostgresServer()
}, 60_000)
afterAll(() => server.remove())
beforeEach(async () => {
  room = await makePostgresRoom(server)
})
afterEach(() => room.remove())

const find = (deviceId: string, secretKey = room.options.keys) =>
  sharedDevice({ database: room.url, secretKey }, deviceId)

it('is found in a database that a bridge uses, by its id in any case, with its secret', async () => {
  const alone = { id: 'a', lease: 5_000, heartbeat: 100, onReplaced: () => undefined }
  await put(await room.open({ alone }), full('Router1'))
  for (const id of ['Router1', 'router1', 'ROUTER1'])
    expect(await find(id)).toMatchObject({ ok: true, device: { deviceId: 'Router1', secret: 'correct horse' } })
  expect(await find('router2')).toEqual({ ok: true, device: undefined })
})

it('is none where no bridge has run yet, and nothing is made there', async () => {
  expect(await find('router1')).toEqual({ ok: true, device: undefined })
  expect(await room.sql(`SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'`)).toBe('0')
})

it('is not found with another key, or where the database cannot be reached, which says what to do', async () => {
  await put(await room.open(), full('router1'))
  expect(await find('router1', [randomBytes(32)])).toMatchObject({
    ok: false,
    failure: { reason: 'corrupt', hint: expect.stringContaining('cluster.secret-key') },
  })
  const nowhere = { database: 'postgres://homeport:hunter2@127.0.0.1:1/none', secretKey: room.options.keys }
  const failed = await sharedDevice(nowhere, 'router1')
  expect(failed).toMatchObject({ ok: false, failure: { reason: 'unavailable' } })
  expect(JSON.stringify(failed)).not.toContain('hunter2')
})
