import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { type Asked, type HookReply, type HookServer, startHookServer } from './parts/authentication-hook.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runParamikoInteractive, runSsh } from './parts/clients.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { homeport } from './support/homeport-command.js'
import { cheapPasswordHash, opsUser } from './support/users.js'

/** What the hook knows, by user name. */
const answers: Readonly<Record<string, (asked: Asked) => HookReply>> = {
  'aaa-ops': ({ password }) =>
    password === 'pw-aaa' ? { status: 200, body: { roles: ['operator'] } } : { status: 401 },
  renamed: () => ({ status: 200, body: { roles: ['operator'], user: 'carol@example.net' } }),
  'in-both': () => ({ status: 200, body: {} }),
  'no-roles': () => ({ status: 200, body: { roles: [] } }),
  typo: () => ({ status: 200, body: { roles: ['operator', 'oprator'] } }),
  forbidden: () => ({ status: 403, body: 'no' }),
  elsewhere: () => ({ status: 302, headers: { location: '/other' } }),
  broken: () => ({ status: 500, body: 'stack trace' }),
  garbage: () => ({ status: 200, body: '<html>' }),
  'wrong-shape': () => ({ status: 200, body: { roles: 'operator' } }),
  endless: () => ({ status: 200, body: ' '.repeat(100_000) }),
  'hung-up': () => 'hangs-up',
  hanging: () => 'hangs',
}

let room: KeyRoom
let files: TempDir
let hook: HookServer
let attached: AttachedDevice
let home: KeyPair
let ca: KeyPair

const usersFile = (users: readonly object[]): string => JSON.stringify({ users })

/**
 * The users file as a Kubernetes ConfigMap has it: a link to a file in a directory that is itself a link, which is
 * swapped.
 */
async function swapUsersFile(content: string): Promise<void> {
  const generation = `..${Date.now()}-${Math.random()}`
  await mkdir(join(files.path, generation))
  await writeFile(join(files.path, generation, 'users.yaml'), content)
  await symlink(generation, join(files.path, '..data_tmp'))
  await rename(join(files.path, '..data_tmp'), join(files.path, '..data'))
}

beforeAll(async () => {
  room = await makeKeyRoom()
  files = await makeTempDir('users')
  home = await room.key('home')
  ca = await room.key('own_ca')
  hook = await startHookServer((asked) => answers[String(asked['user'])]?.(asked) ?? { status: 401 })
  await swapUsersFile(usersFile([opsUser({ name: 'first' })]))
  await symlink('..data/users.yaml', join(files.path, 'users.yaml'))
  attached = await startAttachedDevice({
    netconf: byteSubsystem.echo(),
    config: {
      users: [
        opsUser(),
        { name: 'at-home', roles: ['operator'], 'authorized-keys': [`from="127.0.0.2,10.0.0.0/8" ${home.line}`] },
        { name: 'past', roles: ['operator'], 'authorized-keys': [`expiry-time="20200101" ${home.line}`] },
        { name: 'twice', roles: ['operator'], 'authorized-keys': [`expiry-time="20200101" ${home.line}`, home.line] },
        {
          name: 'own-ca',
          roles: ['operator'],
          'authorized-keys': [`cert-authority,principals="laptop",from="127.0.0.0/8" ${ca.line}`],
        },
        { name: 'in-both', roles: ['operator'] },
      ],
      'users-file': join(files.path, 'users.yaml'),
      'authentication-hook': {
        url: hook.url,
        token: 'token-of-the-hook',
        timeout: '500ms',
      },
      'login-limits': { 'slow-down': '10ms' },
    },
  })
})
afterAll(async () => {
  await attached?.stop()
  await hook?.stop()
  await room?.remove()
  await files?.remove()
})

/**
 * Logs in with OpenSSH from an address of this machine, and gives what the echoing session wrote, or standard error.
 */
async function ssh(
  user: string,
  {
    password,
    key,
    from = '127.0.0.1',
    options = [],
  }: Partial<Record<'password' | 'from', string>> & {
    readonly key?: KeyPair
    readonly options?: readonly string[]
  },
): Promise<string> {
  const { host, port } = clientLogin(attached.bridge, '')
  const args = ['-b', from, ...options.flatMap((option) => ['-o', option])]
  const keyed = key === undefined ? {} : { key: { type: 'ed25519' as const, path: key.path, publicKey: key.line } }
  const login = { host, port, user: `${user}@router1`, ...(password === undefined ? {} : { password }), ...keyed }
  const { stdout, stderr } = await runSsh(login, 'echo', { args })
  return stdout.length > 0 ? stdout.toString() : stderr
}

/** The configuration of the bridge, as it runs. */
async function configText(): Promise<string> {
  return readFile(join(attached.bridge.directory, 'homeport.yaml'), 'utf8')
}

/** The line on a failure of this user for this reason, from now on. */
async function failureOf(user: string, reason: string, attempt: () => Promise<unknown>) {
  const from = attached.bridge.lines.all.length
  await attempt()
  return attached.bridge.logged(/^authentication failed/, { user, reason }, { from })
}

const interactive = ['PreferredAuthentications=keyboard-interactive', 'KbdInteractiveAuthentication=yes']

describe('keyboard-interactive', () => {
  it('lets OpenSSH in that may use nothing else', async () => {
    const from = attached.bridge.lines.all.length
    expect(await ssh('ops', { password: 'pw-ops', options: interactive })).toBe('echo')
    const line = await attached.bridge.logged(/^client authenticated/, {}, { from })
    expect(line).toMatchObject({ user: 'ops', deviceId: 'router1', method: 'keyboard-interactive' })
    expect(line['source']).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('asks paramiko for one password, which is not shown', async () => {
    expect(await runParamikoInteractive(clientLogin(attached.bridge, 'router1'))).toEqual({
      loggedIn: true,
      asked: [[['Password: ', false]]],
    })
  })

  it.each([
    ['a wrong password', { user: 'ops', password: 'wrong' }, {}, 'wrong-password'],
    ['an empty one', { user: 'ops', password: '' }, {}, 'wrong-password'],
    ['two answers', { user: 'ops' }, { responses: 2 }, 'wrong-responses'],
    ['no answer', { user: 'ops' }, { responses: 0 }, 'wrong-responses'],
    ['another user', { user: 'nobody-here' }, {}, 'hook-refused'],
  ])('refuses %s', async (_, login, options, reason) => {
    const line = await failureOf(login.user, reason, async () => {
      const ended = await runParamikoInteractive(clientLogin(attached.bridge, 'router1', login), options)
      expect(ended.loggedIn).toBe(false)
    })
    expect(line).toMatchObject({ method: 'keyboard-interactive', deviceId: 'router1' })
  })
})

describe('an authorized key', () => {
  it('with from= lets its user in from there', async () => {
    expect(await ssh('at-home', { key: home, from: '127.0.0.2' })).toBe('echo')
  })

  it.each([
    ['with from=, from elsewhere', 'at-home', 'wrong-source-address'],
    ['that has expired', 'past', 'expired-key'],
    ['of another user', 'ops', 'unknown-key'],
    ['of a user whose CA it is not', 'own-ca', 'unknown-key'],
  ])('%s does not', async (_, user, reason) => {
    const line = await failureOf(user, reason, async () => {
      expect(await ssh(user, { key: home })).toMatch(/Permission denied/)
    })
    expect(line).toMatchObject({ method: 'publickey', deviceId: 'router1' })
  })

  it('that stands on two lines lets its user in by the one that allows it', async () => {
    const from = attached.bridge.lines.all.length
    expect(await ssh('twice', { key: home })).toBe('echo')
    const line = await attached.bridge.logged(/^client authenticated/, { user: 'twice' }, { from })
    expect(line['key']).toMatch(/^ssh-ed25519 SHA256:/)
  })

  it('that is a CA vouches for certificates of its user alone', async () => {
    const key = await room.key('laptop')
    await room.certify(ca, key, ['-n', 'laptop', '-V', '-1m:+1h'])
    expect(await ssh('own-ca', { key })).toBe('echo')
    await failureOf('ops', 'untrusted-ca', () => ssh('ops', { key }))
    const other = await room.key('other-laptop')
    await room.certify(ca, other, ['-n', 'own-ca', '-V', '-1m:+1h'])
    await failureOf('own-ca', 'wrong-principal', () => ssh('own-ca', { key: other }))
    await failureOf('own-ca', 'unknown-key', () => ssh('own-ca', { key: ca }))
  })
})

describe('the users file', () => {
  const reloaded = (from: number) => attached.bridge.logged(/^users file reloaded/, {}, { from })

  it('adds and removes users when it changes, without a signal', async () => {
    expect(await ssh('first', { password: 'pw-ops' })).toBe('echo')
    const from = attached.bridge.lines.all.length
    await swapUsersFile(usersFile([opsUser({ name: 'second', 'password-hash': cheapPasswordHash('pw-second') })]))
    expect(await reloaded(from)).toMatchObject({ added: 1, removed: 1 })
    expect(await ssh('second', { password: 'pw-second' })).toBe('echo')
    expect(await ssh('first', { password: 'pw-ops' })).toMatch(/Permission denied/)
    expect(await ssh('ops', { password: 'pw-ops' })).toBe('echo')
  })

  it.each([
    ['is not YAML', 'users: [{', /users\.yaml:1:\d+: wrong indentation, or a \{ or \[ that is not closed/],
    [
      'names a user of the configuration',
      usersFile([opsUser({ name: 'Ops' })]),
      /users\.yaml:1:12: users\[0\]\.name: the user `Ops` is in the configuration already/,
    ],
    [
      'gives a role that is not there',
      usersFile([opsUser({ name: 'x', roles: ['oprator'] })]),
      /unknown role `oprator`/,
    ],
    [
      'has a key with an option that is not kept',
      usersFile([{ name: 'x', roles: ['operator'], 'authorized-keys': ['permitopen="a:1" ssh-ed25519 AAAA'] }]),
      /users\[0\]\.authorized-keys\[0\]: the option `permitopen` before the key is not known/,
    ],
  ])('that %s changes nothing, and is told', async (_, content, problem) => {
    let from = attached.bridge.lines.all.length
    await swapUsersFile(content)
    await attached.bridge.logged(problem, { level: 'error' }, { from })
    await attached.bridge.logged(/^users file not reloaded: the bridge goes on with the users it has/, {}, { from })
    expect(await ssh('second', { password: 'pw-second' })).toBe('echo')

    from = attached.bridge.lines.all.length
    await swapUsersFile(usersFile([opsUser({ name: 'second', 'password-hash': cheapPasswordHash('pw-second') })]))
    await reloaded(from)
  })

  it('is checked by check-config', async () => {
    const right = join(files.path, 'right.yaml')
    await writeFile(right, usersFile([opsUser({ name: 'ops' })]))
    const config = { ...(JSON.parse(await configText()) as object), 'users-file': right }
    const file = join(files.path, 'homeport.json')
    await writeFile(file, JSON.stringify(config))
    expect(await homeport('check-config', '--config', file)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /right\.yaml:1:12: users\[0\]\.name: the user `ops` is in the configuration already/,
      ),
    })
  })

  it('that is gone changes nothing, until it is there again', async () => {
    let from = attached.bridge.lines.all.length
    await rm(join(files.path, '..data'))
    await attached.bridge.logged(/users\.yaml: there is no such file/, {}, { from })
    expect(await ssh('second', { password: 'pw-second' })).toBe('echo')
    from = attached.bridge.lines.all.length
    await swapUsersFile(usersFile([]))
    expect(await reloaded(from)).toMatchObject({ removed: 1 })
    expect(await ssh('second', { password: 'pw-second' })).toMatch(/Permission denied/)
  })

  it('ends the rights of a user who is logged in', async () => {
    let from = attached.bridge.lines.all.length
    await swapUsersFile(usersFile([opsUser({ name: 'leaving' })]))
    await reloaded(from)
    const { host, port } = clientLogin(attached.bridge, '')
    const control = join(files.path, 'control')
    const login = { host, port, user: 'leaving@router1', password: 'pw-ops' }
    const shared = { args: ['-o', `ControlPath=${control}`, '-o', 'ControlMaster=auto', '-o', 'ControlPersist=60s'] }
    expect((await runSsh(login, 'echo', shared)).stdout.toString()).toBe('echo')
    from = attached.bridge.lines.all.length
    await swapUsersFile(usersFile([]))
    await reloaded(from)
    const { stderr } = await runSsh({ ...login, password: 'not needed' }, 'echo', shared)
    expect(stderr).toMatch(/the user "leaving" was removed/)
    await runSsh(login, '', { args: ['-o', `ControlPath=${control}`, '-O', 'exit'] })
  })
})

describe('the authentication hook', () => {
  it('lets in whom it accepts, with the roles that it gives, and is not asked again at once', async () => {
    const before = hook.asked.length
    expect(await ssh('aaa-ops', { password: 'pw-aaa' })).toBe('echo')
    expect(await ssh('aaa-ops', { password: 'pw-aaa', options: interactive })).toBe('echo')
    expect(hook.asked.slice(before)).toEqual([
      {
        user: 'aaa-ops',
        password: 'pw-aaa',
        source: '127.0.0.1',
        device: 'router1',
        via: 'ssh',
        authorization: 'Bearer token-of-the-hook',
      },
    ])
  })

  it('gives the name that the user has in the log', async () => {
    const from = attached.bridge.lines.all.length
    expect(await ssh('renamed', { password: 'x' })).toBe('echo')
    await attached.bridge.logged(/^client authenticated/, { user: 'carol@example.net' }, { from })
  })

  it('vouches for a user of the configuration who has no password there', async () => {
    expect(await ssh('in-both', { password: 'x' })).toBe('echo')
  })

  it('is not asked about a user who has one', async () => {
    const before = hook.asked.length
    expect(await ssh('ops', { password: 'not-hers' })).toMatch(/Permission denied/)
    expect(await ssh('ops', { password: 'pw-ops' })).toBe('echo')
    expect(hook.asked).toHaveLength(before)
  })

  it.each([
    ['aaa-ops', 'hook-refused', /refused the name or the password/],
    ['forbidden', 'hook-refused', /refused/],
    ['no-roles', 'hook-no-roles', /it gave no role/],
    ['typo', 'hook-unknown-role', /not defined here: "oprator"$/],
    ['elsewhere', 'hook-unavailable', /status 302/],
    ['broken', 'hook-unavailable', /status 500/],
    ['garbage', 'hook-unavailable', /not of the form/],
    ['wrong-shape', 'hook-unavailable', /not of the form/],
    ['endless', 'hook-unavailable', /longer than 65536 octets/],
    ['hung-up', 'hook-unavailable', /cannot be reached/],
    ['hanging', 'hook-unavailable', /did not answer within 500 ms/],
  ])('does not let %s in: %s', async (user, reason, why) => {
    const line = await failureOf(user, reason, async () => {
      expect(await ssh(user, { password: 'pw' })).toMatch(/Permission denied/)
    })
    expect(line.msg).toMatch(why)
  })

  it('that is down keeps nobody out who has a password here, and another one is asked after a reload', async () => {
    const before = JSON.parse(await configText()) as Record<string, unknown>
    const other = await startHookServer(() => ({ status: 200, body: { roles: ['operator'] } }))
    try {
      await attached.bridge.reload({ ...before, 'authentication-hook': { url: other.url } })
      expect(await ssh('someone', { password: 'x' })).toBe('echo')
    } finally {
      await other.stop()
    }
    const line = await failureOf('another', 'hook-unavailable', () => ssh('another', { password: 'x' }))
    expect(line.msg).toMatch(/cannot be reached \(ECONNREFUSED\)/)
    expect(await ssh('ops', { password: 'pw-ops' })).toBe('echo')
    await attached.bridge.reload(before)
  })

  it('no password and no token of all this is in the log', () => {
    const log = attached.bridge.lines.all.join('\n')
    for (const secret of ['pw-aaa', 'pw-ops', 'pw-second', 'not-hers', 'token-of-the-hook'])
      expect(log).not.toContain(secret)
  })
})
