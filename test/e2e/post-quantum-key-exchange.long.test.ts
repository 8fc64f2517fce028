import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh, startSsh } from './parts/clients.js'
import { makeTempDir } from './parts/temp-dir.js'
import { type AttachedDevice, deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()

/** What OpenSSH 9 has. */
const SNTRUP = ['sntrup761x25519-sha512@openssh.com', 'sntrup761x25519-sha512'] as const

const exchangesOf = (log: string): string[] => [...log.matchAll(/kex: algorithm: (\S+)/g)].map(([, name = '']) => name)

const start = async (): Promise<AttachedDevice> => own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))

const configOf = ({ secret, hostKey }: AttachedDevice) => ({
  credentials: { default: { username: deviceLogin.user, password: deviceLogin.password } },
  devices: [{ id: 'router1', secret, 'host-keys': [hostKey.publicKey] }],
  users: [opsUser()],
})

describe('a client of OpenSSH 9', () => {
  it.each(SNTRUP)('agrees on %s, and exchanges keys by it again and again', async (name) => {
    const { bridge } = await start()
    const sent = 'x'.repeat(512 * 1024)
    const args = ['-v', '-o', `KexAlgorithms=${name}`, '-o', 'RekeyLimit=16K']
    const { stdout, stderr } = await runSsh(clientLogin(bridge, 'router1'), sent, { args })
    expect(stdout.toString()).toBe(sent)
    const exchanges = exchangesOf(stderr)
    expect(exchanges.length).toBeGreaterThan(5)
    expect(new Set(exchanges)).toEqual(new Set([name]))
  })

  it('is safe from quantum computers without being told', async () => {
    const { bridge } = await start()
    const { stderr } = await runSsh(clientLogin(bridge, 'router1'), 'words', { args: ['-v'] })
    expect(exchangesOf(stderr)[0]).toMatch(/^(sntrup761|mlkem768)x25519-sha/)
  })
})

describe('where endpoint.ssh.minimum-key-exchange is post-quantum', () => {
  const wanted = { endpoint: { ssh: { 'minimum-key-exchange': 'post-quantum' } } }
  const classical = ['-o', 'KexAlgorithms=curve25519-sha256']

  it('a client that agrees on a classical one reads why it is refused, and sends no password', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.echo(), config: { ...wanted } }))
    const { stderr, status } = await runSsh(clientLogin(bridge, 'router1'), '', { args: classical })
    expect(status).toBe(255)
    expect(stderr).toMatch(/homeport: post-quantum key exchange is wanted here, and yours would be curve25519-sha256/)
    await bridge.logged(/^client refused/, { reason: 'classical-key-exchange' })
    expect(bridge.log().filter(({ msg }) => msg.startsWith('authentication failed'))).toEqual([])
    const metrics = await metricsOf(bridge)
    expect(metrics.get('homeport_login_refusals_total{reason="classical-key-exchange"}')).toBe(1)
  })

  it('one that has a hybrid is served, and one that is connected classically is let go after a reload', async () => {
    const attached = await start()
    const { bridge } = attached
    const [old, safe] = [classical, []].map((args) => startSsh(clientLogin(bridge, 'router1'), { args }))
    if (old === undefined || safe === undefined) throw new Error('there are two')
    own({ stop: () => Promise.all([old.kill(), safe.kill()]).then(() => undefined) })
    for (const client of [old, safe]) {
      await client.write('before')
      await client.output('before')
    }
    await bridge.logged(/^client authenticated/, { keyExchange: 'curve25519-sha256' })
    const metrics = await metricsOf(bridge)
    expect(metrics.get('homeport_client_key_exchanges{kind="classical"}')).toBe(1)
    expect(metrics.get('homeport_client_key_exchanges{kind="post-quantum"}')).toBe(1)

    await bridge.reload({ ...configOf(attached), ...wanted })
    const { stderr } = await old.ended()
    expect(stderr).toContain('post-quantum key exchange is wanted by now, and that of this connection was curve25519')
    await safe.write('after')
    await safe.output('after')
    expect((await runSsh(clientLogin(bridge, 'router1'), 'new', {})).stdout.toString()).toBe('new')
    expect((await runSsh(clientLogin(bridge, 'router1'), 'new', { args: classical })).status).toBe(255)
  })
})

it('says of links and sessions which key exchange they have', async () => {
  const { bridge } = await start()
  const { keyExchange } = await bridge.logged(/^link attached/, { deviceId: 'router1' })
  expect(keyExchange).toMatch(/^(curve25519|mlkem768x25519)-sha256$/)
  const metrics = await metricsOf(bridge)
  const kinds = ['post-quantum', 'classical'].map((kind) => metrics.get(`homeport_link_key_exchanges{kind="${kind}"}`))
  expect(new Set(kinds)).toEqual(new Set([0, 1]))
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
  const words = ['devices', 'show', 'router1', '--config', join(bridge.directory, 'homeport.yaml')]
  const shown = await promisify(execFile)(process.execPath, [main, ...words])
  expect(shown.stdout).toContain(`key exchange  ${String(keyExchange)}, `)
})

it('`homeport --version` loads neither ML-KEM nor SSH', async () => {
  const coverage = await makeTempDir('coverage')
  own({ stop: () => coverage.remove() })
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
  await promisify(execFile)(process.execPath, [main, '--version'], {
    env: { ...process.env, NODE_V8_COVERAGE: coverage.path },
  })
  const [file = ''] = await readdir(coverage.path)
  const { result } = JSON.parse(await readFile(join(coverage.path, file), 'utf8')) as {
    readonly result: readonly { readonly url: string }[]
  }
  const loaded = result.map(({ url }) => url).filter((url) => url.startsWith('file:'))
  expect(loaded.length).toBeGreaterThan(0)
  expect(loaded.filter((url) => /ml-kem|noble|ssh2/.test(url))).toEqual([])
})
