import { chmod, chown, stat } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { makeTempDir, type TempDir } from '../../e2e/parts/temp-dir.js'
import { makeTlsAuthority, type TlsAuthority } from '../../e2e/parts/tls-certificates.js'
import { makePostgresRoom, type PostgresRoom } from '../postgres-room.js'

let directory: TempDir
let authority: TlsAuthority
let other: TlsAuthority
let server: PostgresServer
let room: PostgresRoom

beforeAll(async () => {
  directory = await makeTempDir('postgres-tls')
  authority = await makeTlsAuthority(directory.path, 'the CA')
  other = await makeTlsAuthority(directory.path, 'another CA')
  const { certificate, key } = await authority.issue('server', ['IP:127.0.0.1'])
  server = await startPostgresServer()
  // The server reads them as its own user.
  const { uid, gid } = await stat(server.dataDirectory)
  await chmod(directory.path, 0o755)
  await chmod(key, 0o600)
  if (process.getuid?.() === 0) await chown(key, uid, gid)
  await server.sql(`ALTER SYSTEM SET ssl_cert_file = '${certificate}'`)
  await server.sql(`ALTER SYSTEM SET ssl_key_file = '${key}'`)
  await server.sql('ALTER SYSTEM SET ssl = on')
  await server.stop()
  await server.start()
  room = await makePostgresRoom(server)
}, 60_000)
afterAll(async () => {
  await server.remove()
  await directory.remove()
})

/** How a URL with these parameters fares. */
async function outcome(parameters: string, host = '127.0.0.1'): Promise<string> {
  const url = `${room.url.replace('@127.0.0.1', `@${host}`)}${parameters}`
  const opened = await openPostgresStore({ ...room.options, url })
  if (!opened.ok) return `${opened.failure.message}: ${opened.failure.hint}`
  const encrypted = await room.sql(
    `SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
     WHERE datname = current_database() AND application_name = 'homeport'`,
  )
  await opened.store.close()
  return encrypted === 't' ? 'encrypted' : 'in clear'
}

describe('TLS with the database', () => {
  it('is with whoever the CA vouches for, by the name that was dialled', async () => {
    expect(await outcome(`?sslmode=verify-full&sslrootcert=${authority.certificate}`)).toBe('encrypted')
    expect(await outcome(`?sslmode=verify-full&sslrootcert=${authority.certificate}`, 'localhost')).toContain('no TLS')
    expect(await outcome(`?sslmode=verify-ca&sslrootcert=${authority.certificate}`, 'localhost')).toBe('encrypted')
  })

  it('is with nobody else, and says what to do', async () => {
    for (const mode of ['verify-full', 'verify-ca']) {
      const refused = await outcome(`?sslmode=${mode}&sslrootcert=${other.certificate}`)
      expect(refused).toContain('no TLS with the database')
      expect(refused).toContain('sslrootcert')
    }
    expect(await outcome('?sslmode=verify-full')).toContain('no TLS with the database')
  })

  it('is unverified, or none, where that is asked for', async () => {
    expect(await outcome('?sslmode=require')).toBe('encrypted')
    expect(await outcome('?sslmode=disable')).toBe('in clear')
    expect(await outcome('')).toBe('in clear')
  })
})
