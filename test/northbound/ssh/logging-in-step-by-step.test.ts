import { once } from 'node:events'
import ssh2 from 'ssh2'
import { afterEach, describe, expect, it } from 'vitest'
import type { PasswordAttempt, PasswordDecision } from '../../../src/access/authn/authenticate-password.js'
import type { User } from '../../../src/access/authn/user.js'
import { type Authenticated, authenticate } from '../../../src/northbound/ssh/authentication.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { nothingRevoked } from '../../../src/ssh/revocation.js'
import { createLog } from '../../../src/telemetry/log.js'
import { openRawLogin, type RawLogin } from '../../ssh/support/raw-login.js'

const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).public
const rsaBlob = Buffer.from(rsa.split(' ')[1] ?? '', 'base64')
const ops: User = {
  name: 'ops',
  passwordHash: '',
  authorizedKeys: [{ type: 'ssh-rsa', blob: rsaBlob }],
  principals: [],
  roles: [],
}
const methods = ['publickey', 'password', 'keyboard-interactive']
const log = createLog({ level: 'error', format: 'json' }, { write: () => undefined })

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** A login at the endpoint's authentication, where `right` is the password; `decide` may answer later. */
async function login({
  maxAttempts = 6,
  decide = async ({ password }: PasswordAttempt): Promise<PasswordDecision> =>
    password === 'right'
      ? { ok: true, user: ops, realm: 'local', account: () => ops }
      : { ok: false, reason: 'wrong-password' },
} = {}) {
  const attempts: PasswordAttempt[] = []
  const failures: string[] = []
  const authenticated: Authenticated[] = []
  const server = new ssh2.Server({ hostKeys: [generatePrivateKey('ed25519', 'test')] })
  server.on('connection', (connection) => {
    connection.on('error', () => undefined)
    void authenticate(connection, {
      entryPoint: { kind: 'shared' },
      users: {
        find: (name) => (name === 'ops' ? ops : undefined),
        certificates: () => ({ trustedCas: [], revocations: nothingRevoked }),
        loginLog: {
          failed: (tried, reason) => void failures.push(`${tried.method} ${reason}`),
          blockBegan: () => undefined,
          blockEnded: () => undefined,
        },
        authenticatePassword: (attempt) => {
          attempts.push(attempt)
          return decide(attempt)
        },
      },
      remoteAddress: '192.0.2.1',
      maxAttempts,
      log,
      onTooMany: () => connection.end(),
    }).then((who) => authenticated.push(who))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client: RawLogin = await openRawLogin({ host: '127.0.0.1', port, username: 'ops@router1' })
  ends.push(client.stop, () => void server.close())
  return { client, attempts, failures, authenticated }
}

describe('keyboard-interactive', () => {
  it('is one prompt, whose answer is the password', async () => {
    const { client, attempts, authenticated } = await login()
    client.askForPrompts()
    expect(await client.said()).toEqual(['prompt', [{ prompt: 'Password: ', echo: false }]])
    client.answer(['right'])
    expect(await client.said()).toEqual(['success'])
    expect(attempts).toEqual([
      { user: 'ops', password: 'right', address: '192.0.2.1', via: 'ssh', deviceId: 'router1' },
    ])
    expect(authenticated).toMatchObject([{ method: 'keyboard-interactive', login: { user: 'ops' } }])
  })

  it.each([
    ['a wrong answer', ['wrong'], 'wrong-password'],
    ['an empty one', [''], 'wrong-password'],
    ['none', [], 'wrong-responses'],
    ['two', ['right', 'right'], 'wrong-responses'],
    ['sixteen', Array.from({ length: 16 }, () => 'right'), 'wrong-responses'],
  ])('fails with %s, and can be tried again', async (_, answers, reason) => {
    const { client, failures } = await login()
    client.askForPrompts()
    await client.said()
    client.answer(answers)
    expect(await client.said()).toEqual(['failure', methods])
    expect(failures).toEqual([`keyboard-interactive ${reason}`])
    client.askForPrompts()
    await client.said()
    client.answer(['right'])
    expect(await client.said()).toEqual(['success'])
  })

  it('ends the connection of who claims to answer millions of prompts, and makes no room for them', async () => {
    const { client } = await login()
    client.askForPrompts()
    await client.said()
    const before = process.memoryUsage().rss
    client.answerThatClaims(33_554_431)
    expect(await client.said()).toEqual(['closed'])
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
  })

  it('may be broken off by another attempt, of any method', async () => {
    const { client, failures, attempts } = await login()
    client.askForPrompts()
    await client.said()
    client.password('wrong')
    expect(await client.said()).toEqual(['failure', methods])
    client.askForPrompts()
    await client.said()
    client.askForPrompts()
    await client.said()
    client.answer(['right'])
    expect(await client.said()).toEqual(['success'])
    expect(failures).toEqual([
      'keyboard-interactive aborted',
      'password wrong-password',
      'keyboard-interactive aborted',
    ])
    expect(attempts.map(({ password }) => password)).toEqual(['wrong', 'right'])
  })

  it('that was broken off while its answer was judged logs nobody in', async () => {
    // By password: which is asked about first hangs on whether both messages came in one read.
    const decisions = new Map<string, (decision: PasswordDecision) => void>()
    const { client, authenticated } = await login({
      decide: ({ password }) => new Promise<PasswordDecision>((resolve) => void decisions.set(password, resolve)),
    })
    client.askForPrompts()
    await client.said()
    client.answer(['right'])
    client.password('wrong')
    while (decisions.size < 2) await new Promise((resolve) => setImmediate(resolve))
    decisions.get('right')?.({ ok: true, user: ops, realm: 'local', account: () => ops })
    await new Promise((resolve) => setImmediate(resolve))
    decisions.get('wrong')?.({ ok: false, reason: 'wrong-password' })
    expect(await client.said()).toEqual(['failure', methods])
    expect(authenticated).toEqual([])
  })

  it('that is broken off again and again is cut off like any other guessing', async () => {
    const { client, failures } = await login({ maxAttempts: 3 })
    for (let at = 0; at < 3; at++) {
      client.askForPrompts()
      await client.said()
    }
    client.askForPrompts()
    expect((await client.said())[0]).toMatch(/^(prompt|closed)$/)
    expect(failures.slice(0, 3)).toEqual(Array.from({ length: 3 }, () => 'keyboard-interactive aborted'))
  })
})

describe('a key', () => {
  it.each(['rsa-sha2-512', 'rsa-sha2-256'])(
    'that would do is told by the name that was asked by: %s',
    async (algorithm) => {
      const { client, failures } = await login()
      client.askAboutKey(algorithm, rsa)
      expect(await client.said()).toEqual(['key would do', algorithm, rsaBlob])
      expect(failures).toEqual([])
    },
  )
})

describe('a password', () => {
  it('of another name than that of the login goes by the name that was decided', async () => {
    const carol: User = { ...ops, name: 'carol' }
    const { client, authenticated } = await login({
      decide: async () => ({ ok: true, user: carol, realm: 'hook', account: () => carol }),
    })
    client.password('x')
    expect(await client.said()).toEqual(['success'])
    expect(authenticated).toMatchObject([
      { login: { user: 'carol', target: { kind: 'device', deviceId: 'router1' } }, method: 'password' },
    ])
  })
  it('that comes with a new one is refused, and asked about nowhere', async () => {
    const { client, failures, attempts } = await login()
    client.password('right', 'new')
    expect(await client.said()).toEqual(['failure', methods])
    expect(failures).toEqual(['password password-change'])
    expect(attempts).toEqual([])
    client.password('right')
    expect(await client.said()).toEqual(['success'])
  })
})
