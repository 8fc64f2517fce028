import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'libsql'
import { expect, it } from 'vitest'
import { MIGRATIONS } from '../../src/store/sqlite/sqlite-schema.js'
import { sectionsOf } from '../support/page-blocks.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { freePort } from './parts/free-port.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { type ConfigFile, startBridge } from './support/bridge.js'
import { homeport, operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'

const own = endAfterEach()

/** What docs/upgrade.md says that an older version says, with the numbers of `known` and the one above. */
function promised(file: string): readonly string[] {
  const section = sectionsOf('upgrade.md').find(({ heading }) => heading === 'The store and its versions')
  const lines = [...(section?.text.matchAll(/^ {4}(.*)$/gm) ?? [])].map(([, line = '']) => line.trim())
  return lines.map((line) =>
    line
      .replace('/var/lib/homeport/homeport.db', file)
      .replace(/schema \d+/, `schema ${MIGRATIONS.length + 1}`)
      .replace(/knows \d+/, `knows ${MIGRATIONS.length}`),
  )
}

/** Makes of a database what the next version would. */
function raiseSchema(file: string): void {
  const database = new Database(file)
  const [row] = database.prepare('PRAGMA user_version').all() as { readonly user_version: number }[]
  database.exec(`PRAGMA user_version = ${(row?.user_version ?? 0) + 1}`)
  database.close()
}

it('a version refuses the store of a newer one, and serves again with the backup from before', async () => {
  const room = await makeTempDir('roll-back')
  own({ stop: room.remove })
  const directory = join(room.path, 'bridge')
  const callHome = await freePort()
  const config: ConfigFile = {
    credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
    'call-home': { ssh: { address: '127.0.0.1', port: callHome } },
  }
  const file = join(room.path, 'homeport-before.tar.gz')
  const configFile = join(directory, 'homeport.yaml')
  await mkdir(directory)

  const before = own(await startBridge(config, { directory }))
  own(
    await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: '127.0.0.1', port: callHome },
      hostKeys: [await makeSshKey(room.path, 'ed25519')],
      login: deviceLogin,
      subsystems: { netconf: byteSubsystem.echo() },
    }),
  )
  const pending = await before.logged(/^device pending/, { deviceId: 'router1' })
  await operate(before, 'devices', 'approve', 'router1', '--fingerprint', String(pending['hostKeyFingerprint']))
  await before.logged(/^link attached/, { deviceId: 'router1' })
  expect(await operate(before, 'backup', file)).toMatchObject({ status: 0 })
  await before.stop()

  raiseSchema(join(directory, 'data/homeport.db'))
  raiseSchema(join(directory, 'data/record.db'))
  const refused = await homeport('serve', '--config', configFile)
  expect(refused.status).toBe(1)
  for (const line of promised(join(directory, 'data/homeport.db'))) expect(refused.stderr).toContain(line)
  expect(promised('')).toHaveLength(2)

  const restored = await homeport('restore', file, '--config', configFile, '--force')
  expect(restored).toMatchObject({ status: 0 })
  expect(existsSync(`${join(directory, 'data')}.before-restore`)).toBe(true)
  const after = own(await startBridge(config, { directory }))
  await after.logged(/^link attached/, { deviceId: 'router1' })
  expect(after.log().filter(({ msg }) => msg.startsWith('device pending'))).toEqual([])
})

it('a version serves with the audit database of a newer one, and says why nothing is found in it', async () => {
  const room = await makeTempDir('roll-back-audit')
  own({ stop: room.remove })
  const before = own(await startBridge({}, { directory: room.path }))
  // It is made when it is first needed.
  expect(await operate(before, 'audit')).toMatchObject({ status: 0 })
  await before.stop()
  raiseSchema(join(room.path, 'data/record.db'))
  const bridge = own(await startBridge({}, { directory: room.path }))
  const asked = await operate(bridge, 'audit')
  expect(asked.status).toBe(1)
  expect(asked.stderr).toContain('was written by a newer Homeport')
})
