import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { makePostgresRoom, type PostgresRoom } from '../../store/postgres-room.js'
import { bare, put } from '../../store/store-room.js'
import { onboardingRoom } from './onboarding-room.js'

const { configure, onboard } = onboardingRoom()
const key = randomBytes(32)

let server: PostgresServer
let room: PostgresRoom
beforeAll(async () => {
  server = await startPostgresServer()
}, 60_000)
afterAll(() => server.remove())
beforeEach(async () => {
  room = await makePostgresRoom(server)
  const cluster = { database: room.url, node: 'a', 'secret-key': key.toString('base64') }
  await configure(undefined, { cluster })
})
afterEach(() => room.remove())

it('prints the secret that the bridge keeps in its database', async () => {
  const store = await room.open({ keys: [key] })
  await put(store, { ...bare('Router1', 'approved'), secret: 'the 1st secret' })
  const { stdout, stderr, status, added } = await onboard(['router1'])
  expect({ stderr, status, added }).toEqual({ stderr: '', status: 0, added: [] })
  expect(stdout).toContain('secret "the 1st secret"\n')
})

it('says what to do where the database cannot be reached', async () => {
  await server.stop()
  try {
    const { stderr, status } = await onboard(['router1'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^homeport: postgres:.* cannot be reached .*\nis it running/)
    expect(stderr).not.toContain('p@ss')
  } finally {
    await server.start()
  }
})
