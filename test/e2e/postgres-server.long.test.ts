import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgresServer } from './parts/postgres-server.js'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgresServer()
})
afterAll(() => server.remove())

describe('the PostgreSQL of the tests', () => {
  it('makes databases that belong to no superuser', async () => {
    const url = new URL(await server.createDatabase())
    const name = url.pathname.slice(1)
    expect(
      await server.sql(`SELECT rolname, rolsuper FROM pg_database JOIN pg_roles r ON datdba = r.oid
      WHERE datname = '${name}'`),
    ).toBe('homeport|f')
    expect(url.port).toBe(String(server.port))
    expect(decodeURIComponent(url.password)).toBe(server.owner.password)
  })

  it('has after a kill -9 what was committed', async () => {
    await server.sql('CREATE TABLE kept AS SELECT 7 AS seven')
    await server.kill()
    await expect(server.sql('SELECT 1')).rejects.toThrow('Connection refused')
    await server.start()
    expect(await server.sql('SELECT seven FROM kept')).toBe('7')
  })

  it('stops and starts in good order', async () => {
    await server.stop()
    await expect(server.sql('SELECT 1')).rejects.toThrow('No such file')
    await server.start()
    expect(await server.sql('SELECT 1')).toBe('1')
  })

  it('answers nothing while it is frozen, and then goes on', async () => {
    const thaw = await server.freeze()
    // The kernel takes the connection; a request for SSL is answered with a letter once somebody is there.
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    let answered = false
    const answer = once(socket, 'data').then(([data]) => {
      answered = true
      return String(data)
    })
    for (let turn = 0; turn < 1_000; turn += 1) await setImmediate()
    expect(answered).toBe(false)
    thaw()
    expect(await answer).toBe('N')
    socket.destroy()
  })

  it('leaves nothing behind', async () => {
    const other = await startPostgresServer()
    await other.remove()
    expect(existsSync(other.socketDirectory)).toBe(false)
    const refused = connect(other.port, '127.0.0.1')
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNREFUSED')
  })
})
