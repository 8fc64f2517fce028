import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { startSshdDevice } from './parts/sshd-device.js'
import { makeTempDir } from './parts/temp-dir.js'
import { deviceLogin } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'

const own = endAfterEach()
const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** Runs a line as a person would who pasted it, in a directory where the bridge's configuration is found. */
async function paste(line: string, directory: string): Promise<string> {
  const program = join(directory, 'homeport')
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  await chmod(program, 0o755)
  const env = { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` }
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', line], { cwd: directory, env, timeout: 60_000 })
  return stdout
}

it.each(['x; touch owned', '-rf', '$(touch owned)', '`touch owned`', `it's "x" & touch owned`, '--as=y'])(
  'the command of the hint approves exactly the device id %j that called',
  async (deviceId) => {
    const keys = await makeTempDir('keys')
    own({ stop: keys.remove })
    const running = own(
      await startBridge({
        credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
      }),
    )
    own(
      await startSshdDevice({
        deviceId,
        bridge: { host: running.host, port: running.callHomePort },
        hostKeys: [await makeSshKey(keys.path, 'ed25519')],
        login: deviceLogin,
        subsystems: { netconf: byteSubsystem.echo() },
      }),
    )
    const { hint } = await running.logged(/^device pending/, { deviceId })
    expect(await paste(String(hint), running.directory)).toContain(`approved: ${deviceId} is bound to`)
    await running.logged(/^link attached/, { deviceId })
    expect(existsSync(join(running.directory, 'owned'))).toBe(false)
  },
)
