import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkDataDir } from '../../../../src/cli/doctor/checks/data-dir.js'
import { checkFiles } from '../../../../src/cli/doctor/checks/files.js'
import type { Patient } from '../../../../src/cli/doctor/patient.js'
import { loadConfig } from '../../../../src/config/load.js'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-files-'))
  chmodSync(cwd, 0o755)
  mkdirSync(join(cwd, 'keys'), { mode: 0o755 })
  mkdirSync(join(cwd, 'state'), { mode: 0o755 })
  writeFileSync(join(cwd, 'keys/id'), 'key', { mode: 0o640 })
  const text = 'credentials: { default: { username: a, private-key: keys/id, password: "${P}" } }\ndata-dir: state\n'
  writeFileSync(join(cwd, 'homeport.yaml'), text, { mode: 0o644 })
})
afterEach(() => rmSync(cwd, { recursive: true }))

/** What a check says where a bridge runs as this user. */
async function told(check: typeof checkFiles, uid: number): Promise<readonly string[]> {
  const loaded = loadConfig({ cwd, env: { P: 'x' } })
  const path = join(cwd, 'homeport.yaml')
  const facts = { process: { uid, dataDir: join(cwd, 'state'), config: path, pid: 1 } }
  const patient = {
    io: { cwd, env: { P: 'x' } },
    elsewhere: false,
    bridge: { answers: true, facts },
    configuration: { found: true, file: { file: 'homeport.yaml' }, path, loaded },
  } as unknown as Patient
  return (await check(patient)).map(({ verdict, message, hint = '' }) => `${verdict}: ${message} → ${hint}`)
}

const STRANGER = 54_321

describe('what the user of the bridge may not do', () => {
  it('is to read a file that the configuration names, .env, or what is behind a shut directory', async () => {
    writeFileSync(join(cwd, '.env'), 'P=x', { mode: 0o600 })
    expect(await told(checkFiles, STRANGER)).toEqual([
      expect.stringMatching(
        /^failed: .*\/\.env: uid 54321, as whom the bridge runs, may not read it → sudo chgrp .* && sudo chmod g\+r /,
      ) as string,
      expect.stringMatching(/^failed: .*\/keys\/id: uid 54321, as whom the bridge runs, may not read it → /) as string,
    ])
    chmodSync(join(cwd, 'keys/id'), 0o644)
    chmodSync(join(cwd, 'keys'), 0o700)
    rmSync(join(cwd, '.env'))
    expect(await told(checkFiles, STRANGER)).toContainEqual(
      expect.stringMatching(
        /keys\/id: .* may not read it, because of .*\/keys → sudo chgrp .*g\+x .*\/keys$/,
      ) as string,
    )
    expect(await told(checkFiles, 0)).toEqual([
      expect.stringMatching(/^failed: \/.*\/keys\/id: it is a private key, and everybody/) as string,
    ])
  })

  it('is to write to data-dir', async () => {
    expect(await told(checkDataDir, STRANGER)).toEqual([
      expect.stringMatching(
        /^failed: .*\/state: uid 54321, as whom the bridge runs, may not write to it → sudo chown /,
      ) as string,
    ])
    expect((await told(checkDataDir, 0)).join()).toMatch(/^ok: .*\/state: writable/)
  })
})
