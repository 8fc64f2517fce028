import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { audience, type IdentityProvider, startIdentityProvider } from './parts/identity-provider.js'
import { collectLines } from './parts/lines.js'
import { dyingWithUs, killGroup } from './parts/processes.js'
import { makeTempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { type ConfigFile, type RunningBridge, startBridge } from './support/bridge.js'
import { bearer, curl, curlThrough, failureOf } from './support/curl.js'
import { homeport, operate } from './support/homeport-command.js'
import { ops, opsUser } from './support/users.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

const all = { devices: ['*'], operations: ['*'] }
const config: ConfigFile = {
  credentials: { default: { username: 'netconf', password: 'x' } },
  devices: [
    { id: 'tokyo-1', secret: 'a', labels: { site: 'tokyo' } },
    { id: 'osaka-1', secret: 'b', labels: { site: 'osaka' } },
  ],
  users: [opsUser(), opsUser({ name: 'boss', roles: ['admin'] }), opsUser({ name: 'nobody', roles: [] })],
  roles: {
    operator: all,
    admin: { ...all, api: ['read', 'rpc', 'admin'] },
    tokyo: { ...all, devices: ['site=tokyo'] },
  },
}

/** What the answer to a list of devices shows. */
function devicesIn({ status, body }: { readonly status: number; readonly body: string }): unknown {
  return [status, (JSON.parse(body) as { devices?: { id: string }[] }).devices?.map(({ id }) => id)]
}

describe('calls to a bridge on the loopback address', () => {
  let bridge: RunningBridge
  let provider: IdentityProvider
  let devices = ''
  beforeAll(async () => {
    provider = await startIdentityProvider()
    const oidc = { issuer: provider.issuer, audience }
    bridge = await startBridge({ ...config, endpoint: { http: { oidc } } })
    devices = `${bridge.httpUrl}/api/v1/devices`
  })
  afterAll(async () => {
    await bridge?.stop()
    await provider?.stop()
  })

  async function commandToken(...words: readonly string[]): Promise<string> {
    const made = await operate(bridge, 'token', 'create', ...words)
    expect(made).toMatchObject({ status: 0, stderr: '' })
    expect(made.stdout).toMatch(/^hp_[0-9a-z]{12}_[\w-]{43}\n$/)
    return made.stdout.trim()
  }
  /** As the operator makes it, without the time that a command takes to start. */
  async function token(user: string, more: object = {}): Promise<string> {
    const socket = join(bridge.directory, 'data', 'homeport.sock')
    const body = ['-H', 'Content-Type: application/json', '-d', JSON.stringify({ user, ...more })]
    const made = await curl('--unix-socket', socket, ...body, 'http://bridge/api/v1/tokens')
    expect(made.status).toBe(201)
    return (JSON.parse(made.body) as { token: string }).token
  }
  const asking = (given: string, ...words: readonly string[]) => curl('-H', bearer(given), ...words)

  describe('without anything', () => {
    it('are refused, and told by what they may prove who they are', async () => {
      const answer = await curl(devices)
      expect(failureOf(answer)).toBe('401 not-authenticated')
      expect(answer.headers).toMatchObject({
        'content-type': 'application/problem+json',
        'www-authenticate': 'Basic realm="homeport", charset="UTF-8", Bearer realm="homeport"',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      for (const header of ['Basic !', 'Bearer', 'Digest x', 'Basic bm9jb2xvbg==', `${'x'.repeat(5_000)} y`])
        expect(failureOf(await curl('-H', `Authorization: ${header}`, devices)), header).toBe('401 not-authenticated')
    })
  })

  describe('with a token', () => {
    it('act as its user', async () => {
      const given = await commandToken('--user', 'ops', '--description', 'nightly run')
      expect(devicesIn(await asking(given, devices))).toEqual([200, ['osaka-1', 'tokyo-1']])
      const { stdout } = await operate(bridge, 'token', 'list', '--json')
      const { tokens } = JSON.parse(stdout) as { tokens: Record<string, unknown>[] }
      expect(tokens.find(({ id }) => id === given.split('_')[1])).toMatchObject({
        user: 'ops',
        state: 'good',
        scopes: null,
        description: 'nightly run',
        createdBy: 'operator',
        lastUsedAt: expect.stringMatching(/Z$/) as string,
      })
    })

    it('that is wrong are refused', async () => {
      const given = await token('ops')
      const [, id = '', secret = ''] = /^hp_(\w{12})_(.*)$/.exec(given) ?? []
      const wrong = [
        `hp_${id}_${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`,
        `hp_aaaaaaaaaaaa_${secret}`,
        given.slice(0, -1),
        `${given}x`,
        `hp_${id}_`,
        'hp_',
        secret,
        "hp_'OR/**/1=1--",
      ]
      for (const text of wrong) {
        const answer = await asking(text, devices)
        expect(failureOf(answer), text).toBe('401 invalid-token')
        expect(answer.headers['www-authenticate']).toMatch(/, Bearer realm="homeport", error="invalid_token"$/)
      }
    })

    it('that has expired are refused', async () => {
      const given = await token('ops', { expiresIn: 1 })
      await waitFor('the token to expire', async () => (await asking(given, devices)).status === 401)
      expect(failureOf(await asking(given, devices))).toBe('401 expired-token')
    })

    it('that was revoked are refused from then on', async () => {
      const given = await token('ops')
      const id = given.split('_')[1] ?? ''
      expect((await asking(given, devices)).status).toBe(200)
      expect(await operate(bridge, 'token', 'revoke', id)).toEqual({
        status: 0,
        stdout: `revoked: ${id}\n`,
        stderr: '',
      })
      expect(failureOf(await asking(given, devices))).toBe('401 revoked-token')
      expect(await operate(bridge, 'token', 'revoke', 'aaaaaaaaaaaa')).toMatchObject({ status: 1 })
      expect(await operate(bridge, 'token', 'revoke', given)).toMatchObject({ status: 2, stdout: '' })
    })

    it('out of its scope, or of those of its user, are refused', async () => {
      const reading = await commandToken('--user', 'boss', '--scope', 'read', '--expires', '30d')
      expect((await asking(reading, devices)).status).toBe(200)
      const approve = await asking(reading, '-X', 'POST', `${devices}/tokyo-1/approve`)
      expect(failureOf(approve)).toBe('403 out-of-scope')
      expect(approve.headers['www-authenticate']).toContain('error="insufficient_scope", scope="admin"')
      const everything = await token('ops', { scopes: ['read', 'rpc', 'admin'] })
      expect(failureOf(await asking(everything, '-X', 'POST', `${devices}/tokyo-1/reject`))).toBe('403 out-of-scope')
      expect(failureOf(await asking(await token('nobody'), devices))).toBe('403 out-of-scope')
    })

    it('see the devices that it leaves them, and learn nothing of others', async () => {
      const tokyo = await token('ops', { devices: ['site=tokyo'] })
      expect(devicesIn(await asking(tokyo, devices))).toEqual([200, ['tokyo-1']])
      for (const id of ['osaka-1', 'none'])
        expect(failureOf(await asking(tokyo, `${devices}/${id}`))).toBe('403 no-rights')
    })

    it('cannot make another, and nobody makes one for others over the network', async () => {
      const making = (user: string, ...words: readonly string[]) =>
        curl(
          '-H',
          'Content-Type: application/json',
          '-d',
          JSON.stringify({ user }),
          ...words,
          `${bridge.httpUrl}/api/v1/tokens`,
        )
      const admin = await token('boss')
      expect(failureOf(await making('boss', '-H', bearer(admin)))).toBe('403 not-for-others')
      expect(failureOf(await making('ops', '-u', `boss:${ops.password}`))).toBe('403 not-for-others')
      const own = await making('boss', '-u', `boss:${ops.password}`)
      expect(own.status).toBe(201)
      expect((await asking((JSON.parse(own.body) as { token: string }).token, devices)).status).toBe(200)
    })

    it('is for a user that exists', async () => {
      expect(await operate(bridge, 'token', 'create', '--user', 'bos')).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('there is no user "bos"') as string,
      })
      const given = await token('nobody')
      const users = (config['users'] as { name: string }[]).filter(({ name }) => name !== 'nobody')
      await bridge.reload({ ...config, users, endpoint: { http: { oidc: { issuer: provider.issuer, audience } } } })
      expect(failureOf(await asking(given, devices))).toBe('401 invalid-token')
    })

    it('leaves its secret neither in the log nor in the data directory', async () => {
      const given = await token('ops')
      const secret = given.split('_').slice(2).join('_')
      await asking(given, devices)
      expect(bridge.lines.all.join('\n')).not.toContain(secret)
      for (const file of ['homeport.db', 'homeport.db-wal'])
        expect((await readFile(join(bridge.directory, 'data', file), 'latin1')).includes(secret)).toBe(false)
    })

    it('is what commands elsewhere use', async () => {
      const given = await token('boss')
      const env = { ...process.env, HOMEPORT_URL: bridge.httpUrl, HOMEPORT_TOKEN: given }
      const child = spawn(process.execPath, [main, 'devices', 'list', '--json'], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const printed = collectLines('the command')
      printed.add(child.stdout)
      expect(await printed.match(/"devices"/)).toContain('"tokyo-1"')
    })
  })

  describe('with a password', () => {
    it('act as the user', async () => {
      expect((await curl('-u', `${ops.name}:${ops.password}`, devices)).status).toBe(200)
      await bridge.logged(/^request$/, { path: '/api/v1/devices', status: 200, user: 'ops' })
    })

    it('that is wrong are refused, and do not learn whether the user exists', async () => {
      const answers = await Promise.all(
        ['ops:wrong', 'mallory:wrong', 'ops:', ':'].map((pair) => curl('-u', pair, devices)),
      )
      for (const answer of answers) {
        expect(failureOf(answer)).toBe('401 wrong-password')
        expect(answer.headers['www-authenticate']).toContain('Basic realm="homeport"')
      }
      const [known, unknown] = answers.map(({ body }) => ({ ...(JSON.parse(body) as object), requestId: '' }))
      expect(known).toEqual(unknown)
      await bridge.logged(/^authentication failed: wrong-password/, { user: 'mallory' })
    })

    it('do not make a browser ask for one, when a script called', async () => {
      const { headers } = await curl('-H', 'Sec-Fetch-Mode: cors', '-H', 'Sec-Fetch-Site: same-origin', devices)
      expect(headers['www-authenticate']).toBe('Bearer realm="homeport"')
    })
  })

  describe('with a JWT of the identity provider', () => {
    it('have the roles that it names and that exist here', async () => {
      const given = await provider.sign({ roles: ['tokyo', 'no-such-role'] })
      expect(devicesIn(await asking(given, devices))).toEqual([200, ['tokyo-1']])
      await bridge.logged(/^request$/, { path: '/api/v1/devices', user: 'ivy' })
      const admin = await provider.sign({ roles: 'operator admin', preferred_username: undefined })
      const rejected = await asking(admin, '-X', 'POST', `${devices}/stranger/reject`)
      expect(rejected.status).not.toBe(403)
      await bridge.logged(/^request$/, { path: '/api/v1/devices/stranger/reject', user: 'subject-1' })
      expect(provider.keysAsked()).toBe(1)
    })

    it.each([
      ['without roles', {}, '403 out-of-scope'],
      ['with roles of others', { roles: ['root'] }, '403 out-of-scope'],
      ['that has expired', { exp: 1_000_000_000 }, '401 expired-token'],
      ['that does not expire', { exp: undefined }, '401 invalid-token'],
      ['that is not good yet', { nbf: 4_000_000_000 }, '401 invalid-token'],
      ['for another audience', { aud: 'other' }, '401 invalid-token'],
      ['of another issuer', { iss: 'https://other' }, '401 invalid-token'],
      ['that names nobody', { sub: '', preferred_username: '' }, '401 invalid-token'],
    ])('%s', async (_, claims, problem) => {
      const answer = await asking(await provider.sign({ roles: [], ...(claims as JWTPayload) }), devices)
      expect(failureOf(answer)).toBe(problem)
    })

    it('that somebody else signed are refused', async () => {
      const good = await provider.sign({ roles: ['admin'] })
      const [header = '', payload = '', signature = ''] = good.split('.')
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
      const { privateKey } = await generateKeyPair('RS256')
      const forged = [
        await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'key-1' }).sign(privateKey),
        await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', kid: 'key-1' }).sign(Buffer.alloc(32)),
        `${part({ alg: 'none' })}.${payload}.`,
        `${header}.${part({ ...claims, roles: ['admin', 'x'] })}.${signature}`,
        `${header}.${payload}.`,
        `${header}.${payload}`,
        'not.a.jwt',
        'x',
      ]
      for (const text of forged) expect(failureOf(await asking(text, devices)), text).toBe('401 invalid-token')
    })
  })

  it('a provider that does not answer is told, and tokens work on', async () => {
    const closed = await startIdentityProvider()
    await closed.stop()
    await bridge.reload({ ...config, endpoint: { http: { oidc: { issuer: closed.issuer, audience } } } })
    const answer = await asking(await closed.sign({ roles: ['admin'] }), devices)
    expect(failureOf(answer)).toBe('503 identity-provider-unreachable')
    expect(answer.headers['retry-after']).toBe('5')
    expect(answer.body).not.toContain(closed.issuer)
    await bridge.logged(/^the identity provider does not answer.*ECONNREFUSED/)
    expect((await asking(await token('ops'), devices)).status).toBe(200)
  })
})

describe('plain HTTP on an address that is not loopback', () => {
  it('takes neither password nor token, and asks for none', async () => {
    const directory = await makeTempDir('plain')
    const file = join(directory.path, 'homeport.yaml')
    const free = { address: '127.0.0.1', port: 0 }
    await writeFile(
      file,
      JSON.stringify({
        ...config,
        'call-home': { ssh: free },
        endpoint: { ssh: free, http: { address: '::', port: 8080 } },
        'data-dir': 'data',
        log: { format: 'json' },
      }),
    )
    // A network namespace of its own, with an address that is none of 127.0.0.0/8.
    const script = 'ip link set lo up && ip address add 198.51.100.7/32 dev lo && exec "$@"'
    const serve = [process.execPath, main, 'serve', '--config', file]
    const [program, words] = dyingWithUs([
      'unshare',
      '--user',
      '--map-root-user',
      '--net',
      'sh',
      '-c',
      script,
      'sh',
      ...serve,
    ])
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    try {
      const lines = collectLines('the bridge')
      lines.add(child.stderr)
      expect(await lines.match(/reached without TLS from other machines/)).toContain('endpoint.http.address')
      await lines.match(/"msg":"ready"/)
      const inside = ['nsenter', `--target=${child.pid}`, '--user', '--net', '--preserve-credentials']
      const made = await homeport('token', 'create', '--user', 'ops', '--config', file)
      const password = ['-u', `${ops.name}:${ops.password}`]
      const token = ['-H', bearer(made.stdout.trim())]
      for (const proof of [[], password, token, [...token, '-H', 'X-Forwarded-Proto: https']]) {
        const answer = await curlThrough(inside, ...proof, 'http://198.51.100.7:8080/api/v1/devices')
        expect(failureOf(answer)).toBe('403 insecure-transport')
        expect(answer.headers['www-authenticate']).toBeUndefined()
        const onLoopback = await curlThrough(inside, ...proof, 'http://127.0.0.1:8080/api/v1/devices')
        expect(onLoopback.status).toBe(proof.length === 0 ? 401 : 200)
      }
      expect((await curlThrough(inside, 'http://198.51.100.7:8080/livez')).status).toBe(200)
      child.kill('SIGTERM')
      await once(child, 'exit')
    } finally {
      await killGroup(child)
      await directory.remove()
    }
  })
})
