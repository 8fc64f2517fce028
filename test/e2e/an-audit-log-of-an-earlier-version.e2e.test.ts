import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'libsql'
import { expect, it } from 'vitest'
import { runSsh } from './parts/clients.js'
import { makeTempDir } from './parts/temp-dir.js'
import { auditedOnce, auditFileOf, type AuditLine } from './support/audit-lines.js'
import { startBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { homeport, operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

/** What an earlier version wrote, the oldest first: the first line had been rotated away before the others came. */
const earlier: readonly AuditLine[] = ['get', 'lock', 'commit'].map((operation, minute) => ({
  time: new Date(Date.now() - 600_000 + minute * 60_000).toISOString(),
  event: 'rpc',
  user: 'ops',
  source: '192.0.2.5:50000',
  via: 'ssh',
  deviceId: 'router1',
  sessionId: '2w6k81w7',
  messageId: String(minute),
  operation,
  bytesFromClient: 100,
  bytesFromDevice: 200,
  durationSeconds: 0.1,
  outcome: 'ok',
}))
const asText = (lines: readonly AuditLine[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('')

/** A database as it was when each line had a row of its own. */
function makeEarlierDatabase(file: string, lines: readonly AuditLine[]): void {
  const database = new Database(file)
  database.exec(`
    CREATE TABLE record (row INTEGER PRIMARY KEY, time INTEGER NOT NULL, event TEXT NOT NULL, device_id TEXT COLLATE NOCASE, user TEXT,
      session_id TEXT, operation TEXT, outcome TEXT, line TEXT NOT NULL) STRICT;
    CREATE INDEX record_time ON record (time);
    CREATE INDEX record_device ON record (device_id, time);
    CREATE INDEX record_user ON record (user, time);
    PRAGMA user_version = 1`)
  const insert = database.prepare('INSERT INTO record (time, event, device_id, user, line) VALUES (?, ?, ?, ?, ?)')
  for (const line of lines)
    insert.run([Date.parse(line.time), line.event, line['deviceId'], line['user'], JSON.stringify(line)])
  database.close()
}

it('goes on where it was: record: is taken for audit: with a warning, its files are appended to, and old lines are found', async () => {
  const directory = await makeTempDir('earlier')
  own({ stop: directory.remove })
  const data = join(directory.path, 'data')
  await mkdir(data, { mode: 0o700 })
  await writeFile(join(data, 'record.jsonl.1'), asText(earlier.slice(0, 1)))
  await writeFile(join(data, 'record.jsonl'), asText(earlier.slice(1)))
  makeEarlierDatabase(join(data, 'record.db'), earlier)

  const config = { users: [opsUser()], record: { 'max-files': 3, 'flush-interval': '20ms' } }
  const bridge = own(await startBridge(config, { directory: directory.path }))
  const told = await bridge.logged(/homeport\.yaml:1:\d+: record: this key is called `audit` now/)
  expect(told).toMatchObject({ level: 'warn', hint: expect.stringContaining('write `audit` instead') })

  expect((await runSsh(clientLogin(bridge, 'nowhere'), '')).status).toBe(1)
  const lines = await auditedOnce(auditFileOf(bridge), 'the refusal', (all) => all.length === 4)
  expect(lines.slice(0, 3)).toEqual(earlier)
  expect(lines[3]).toMatchObject({ event: 'session-refused', user: 'ops', deviceId: 'nowhere' })

  const found = await operate(bridge, 'audit', '--user', 'ops', '--json')
  expect(found.stderr).toBe('')
  const shown = found.stdout.trimEnd().split('\n')
  expect(shown.map((line) => JSON.parse(line) as unknown)).toEqual(lines)
})

it('has both names in one file refused, by check-config and at start', async () => {
  const directory = await makeTempDir('both')
  own({ stop: directory.remove })
  const file = join(directory.path, 'homeport.yaml')
  await writeFile(file, 'record: { max-files: 3 }\naudit: { max-files: 4 }\n')
  const said = `${file}:1:1: record: this key is called \`audit\` now, and \`audit\` is on line 2 already\n    move what is in \`record\` to \`audit\``
  for (const command of ['check-config', 'serve']) {
    const ended = await homeport(command, '--config', file)
    expect(ended.status).toBe(2)
    expect(ended.stderr).toContain(said)
  }
})
