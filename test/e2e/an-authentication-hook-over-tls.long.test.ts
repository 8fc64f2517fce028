import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HookServer, startHookServer } from './parts/authentication-hook.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh } from './parts/clients.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { makeTlsAuthority } from './parts/tls-certificates.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { opsUser } from './support/users.js'

let files: TempDir
let hook: HookServer
let impostor: HookServer
let attached: AttachedDevice

const config = (url: string, more: object = {}) => ({
  users: [opsUser()],
  'authentication-hook': { url, ...more },
  'login-limits': { 'slow-down': '10ms' },
})

beforeAll(async () => {
  files = await makeTempDir('hook')
  const authority = await makeTlsAuthority(files.path, 'aaa_ca')
  const other = await makeTlsAuthority(files.path, 'other_ca')
  const answer = () => ({ status: 200, body: { roles: ['operator'] } })
  hook = await startHookServer(answer, await authority.issue('aaa', ['IP:127.0.0.1']))
  impostor = await startHookServer(answer, await other.issue('impostor', ['IP:127.0.0.1']))
  attached = await startAttachedDevice({
    netconf: byteSubsystem.echo(),
    config: config(hook.url, { 'ca-file': join(files.path, 'aaa_ca.crt') }),
  })
})
afterAll(async () => {
  await attached?.stop()
  await hook?.stop()
  await impostor?.stop()
  await files?.remove()
})

const echoed = async (user: string, password: string): Promise<string> =>
  (await runSsh(clientLogin(attached.bridge, 'router1', { user, password }), 'echo')).stdout.toString()

describe('an authentication hook over TLS', () => {
  it('is asked when its certificate comes from a CA of ca-file', async () => {
    expect(await echoed('somebody', 'x')).toBe('echo')
    expect(hook.asked).toMatchObject([{ user: 'somebody', password: 'x', authorization: undefined }])
  })

  it.each([
    ['another CA', (): [string, object] => [impostor.url, { 'ca-file': join(files.path, 'aaa_ca.crt') }]],
    ['no CA of the system', (): [string, object] => [hook.url, {}]],
  ])('is told nothing when its certificate comes from %s', async (name, where) => {
    const [url, more] = where()
    const { devices, credentials } = JSON.parse(
      await readFile(join(attached.bridge.directory, 'homeport.yaml'), 'utf8'),
    ) as Record<string, unknown>
    await attached.bridge.reload({ devices, credentials, ...config(url, more) })
    const asked = hook.asked.length
    expect(await echoed(name.replaceAll(' ', '-'), 'x')).toBe('')
    const fields = { user: name.replaceAll(' ', '-'), reason: 'hook-unavailable' }
    await attached.bridge.logged(/^authentication failed: hook-unavailable: it cannot be reached \(/, fields)
    expect([hook.asked.length, impostor.asked.length]).toEqual([asked, 0])
    expect(await echoed('ops', 'pw-ops')).toBe('echo')
  })
})
