import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startSshAgent } from './parts/ssh-agent.js'
import { agentLoginKey, type HostKey, loginKey, serverHostKeys } from '../../src/ssh/ssh2/keys.js'
import { hashedKnownHostsLine, knownHostsLine } from '../../src/ssh/known-hosts.js'
import { nothingRevoked, revokedPartOf } from '../../src/ssh/revocation.js'
import { signatureBlob } from '../../src/ssh/signature.js'
import { signCertificate } from '../../src/ssh/sign-certificate.js'
import { sshString } from '../../src/ssh/wire.js'
import { parseVerifyingKey } from '../../src/ssh/verifying-key.js'
import { certificateIn, type KeyPair, type KeyRoom, keyKinds, makeKeyRoom } from '../ssh/ssh-keygen.js'
import { dial, keyFor, type ServerOptions, startServer, type TestServer, user } from './support/certificate-peers.js'

// An ssh2 Server is the bridge's endpoint, real OpenSSH and paramiko are the clients: their user certificates, and our
// host certificates.

let room: KeyRoom
let hostCa: KeyPair
let userCa: KeyPair
let operator: KeyPair
let hostKeys: readonly HostKey[]
beforeAll(async () => {
  room = await makeKeyRoom()
  hostCa = await room.key('host-ca')
  userCa = await room.key('user-ca')
  operator = await room.key('operator')
  const keys = await Promise.all(keyKinds.map((kind) => room.key('host', kind)))
  hostKeys = await Promise.all(
    keys.map(async (key) => ({
      key: key.privateKey,
      certificates: [await room.certify(hostCa, key, ['-h', '-n', 'bridge', '-V', '-1m:+1h'])],
    })),
  )
})
afterAll(() => room.remove())

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serving(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const server = await startServer({ hostKeys, users: { keys: [operator.publicKey.blob] }, ...options })
  cleanups.push(server.stop)
  return server
}

type SshOptions = {
  readonly key?: KeyPair
  readonly certificate?: string
  readonly knownHosts: string
  readonly options?: readonly string[]
}

/** Runs OpenSSH's ssh against the name `bridge`; gives what the session said, or why there was none. */
async function ssh(
  { port }: TestServer,
  { key = operator, certificate, knownHosts, options = [] }: SshOptions,
): Promise<string> {
  const known = await room.write('known_hosts', `${knownHosts}\n`)
  // ssh takes the certificate beside a key by itself; it must not when none is meant.
  const identity = certificate === undefined ? await room.write('identity', await keyText(key)) : key.path
  const words: readonly string[] = [
    `UserKnownHostsFile=${known}`,
    'GlobalKnownHostsFile=none',
    'StrictHostKeyChecking=yes',
    'HostKeyAlias=bridge',
    `IdentityFile=${identity}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'PasswordAuthentication=no',
    'KbdInteractiveAuthentication=no',
    'BatchMode=yes',
    ...(certificate === undefined ? [] : [`CertificateFile=${certificate}`]),
    ...options,
  ]
  const args = [
    '-F',
    'none',
    '-p',
    String(port),
    '-l',
    user,
    ...words.flatMap((word) => ['-o', word]),
    '127.0.0.1',
    'hello',
  ]
  const running = promisify(execFile)('ssh', args, { timeout: 20_000 })
  return running.then(
    ({ stdout }) => stdout,
    (error: { readonly stderr: string }) => error.stderr,
  )
}

const keyText = async ({ path }: KeyPair): Promise<string> => (await promisify(execFile)('cat', [path])).stdout

const trustCa = (): string => knownHostsLine(['bridge'], hostCa.publicKey, 'cert-authority')

describe('our host certificates, seen by ssh', () => {
  it.each([
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ])('are accepted by one that trusts the CA alone: %s', async (algorithm) => {
    const server = await serving()
    const options = [`HostKeyAlgorithms=${algorithm}-cert-v01@openssh.com`]
    expect(await ssh(server, { knownHosts: trustCa(), options })).toBe('hello')
  })

  it('are signed by a CA of any type, also our own', async () => {
    const key = await room.key('host')
    for (const kind of keyKinds) {
      const ca = await room.key('own-ca', kind)
      const signed = signCertificate(ca.privateKey, {
        role: 'host',
        key: key.publicKey.blob,
        keyId: 'bridge',
        principals: ['bridge'],
        validity: 'always',
      })
      if (!signed.ok) throw new Error(signed.failure.message)
      const server = await serving({ hostKeys: [{ key: key.privateKey, certificates: [signed.certificate] }] })
      const knownHosts = knownHostsLine(['bridge'], ca.publicKey, 'cert-authority')
      expect(await ssh(server, { knownHosts }), kind).toBe('hello')
    }
  })

  it('are refused by it: another CA, another name, expired, a user certificate, @revoked', async () => {
    const key = await room.key('other-host')
    const showing = async (...options: readonly string[]): Promise<TestServer> => {
      const certificate = await room.certify(hostCa, key, options)
      // What serverHostKeys would not take, a forger presents all the same.
      const certificates = [{ ...certificate, role: 'host' as const }]
      return serving({ hostKeys: [{ key: key.privateKey, certificates }] })
    }
    const good = await showing('-h', '-n', 'bridge', '-V', '-1m:+1h')
    expect(await ssh(good, { knownHosts: trustCa() })).toBe('hello')
    const otherCa = knownHostsLine(['bridge'], userCa.publicKey, 'cert-authority')
    expect(await ssh(good, { knownHosts: otherCa })).toContain('Host key verification failed')
    for (const revoked of [hostCa, key]) {
      const knownHosts = `${trustCa()}\n${knownHostsLine(['*'], revoked.publicKey, 'revoked')}`
      expect(await ssh(good, { knownHosts })).toContain('Host key verification failed')
    }
    for (const options of [
      ['-h', '-n', 'another', '-V', '-1m:+1h'],
      ['-h', '-n', 'bridge', '-V', '-2h:-1h'],
      ['-n', 'bridge', '-V', '-1m:+1h'],
    ])
      expect(await ssh(await showing(...options), { knownHosts: trustCa() }), options.join(' ')).toContain(
        'Host key verification failed',
      )
  })

  it('leave the plain keys to those who know only them, plain or hashed', async () => {
    const server = await serving()
    for (const kind of keyKinds) {
      const { publicKey } = await room.key('host', kind)
      expect(await ssh(server, { knownHosts: knownHostsLine(['bridge'], publicKey) }), kind).toBe('hello')
      expect(await ssh(server, { knownHosts: hashedKnownHostsLine('bridge', publicKey) }), kind).toBe('hello')
    }
  })

  it('and plain RSA keys are never offered with SHA-1', async () => {
    const rsa = await room.key('host', 'rsa')
    for (const keys of [hostKeys, [{ key: rsa.privateKey }]]) {
      const server = await serving({ hostKeys: keys })
      const refusal = await ssh(server, { knownHosts: trustCa(), options: ['HostKeyAlgorithms=ssh-rsa'] })
      const offer = /Their offer: (\S+)/.exec(refusal)?.[1]?.split(',') ?? []
      expect(offer).toContain('rsa-sha2-512')
      expect(offer).not.toContain('ssh-rsa')
    }
  })

  it('are no host keys when they belong to another key or to a user', async () => {
    const key = await room.key('host')
    const another = await room.certify(hostCa, await room.key('other-host'), ['-h', '-n', 'bridge'])
    const ofUser = await room.certify(userCa, key, ['-n', 'bridge'])
    const cause = (certificate: typeof another) => {
      const prepared = serverHostKeys([{ key: key.privateKey, certificates: [certificate] }])
      return prepared.ok ? 'taken' : prepared.failure.reason
    }
    expect(cause(another)).toBe('certificate-of-another-key')
    expect(cause(ofUser)).toBe('certificate-of-another-role')
  })
})

describe('user certificates, offered by ssh', () => {
  const forUser = ['-n', user, '-V', '-1m:+1h']

  /** Logs in with a certificate made like this; gives the session's word or the reason of the refusal. */
  async function login(
    options: readonly string[] = forUser,
    { ca = userCa, key, users }: { ca?: KeyPair; key?: KeyPair; users?: ServerOptions['users'] } = {},
  ): Promise<readonly string[]> {
    const subject = key ?? (await room.key('login'))
    await room.certify(ca, subject, options)
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob], ...users } })
    const knownHosts = trustCa()
    const said = await ssh(server, { key: subject, certificate: `${subject.path}-cert.pub`, knownHosts })
    expect(said === 'hello', said).toBe(server.logins.some((line) => line.endsWith(' accepted')))
    return server.logins.filter((line) => !line.endsWith('unknown-key')).map((line) => line.replace(/^.*-v01 /, ''))
  }

  it.each(keyKinds)('are accepted: of a %s key, by a CA of that type', async (kind) => {
    const ca = await room.key('user-ca', kind)
    const key = await room.key('login', kind)
    expect(await login(forUser, { ca, key, users: { trustedCas: [ca.publicKey.blob] } })).toEqual(['accepted'])
  })

  it.each(['rsa-sha2-512', 'rsa-sha2-256'])('are accepted: of an RSA key with %s', async (algorithm) => {
    const key = await room.key('login', 'rsa')
    await room.certify(userCa, key, forUser)
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob] } })
    const options = [`PubkeyAcceptedAlgorithms=${algorithm}-cert-v01@openssh.com,${algorithm}`]
    const certificate = `${key.path}-cert.pub`
    expect(await ssh(server, { key, certificate, knownHosts: trustCa(), options })).toBe('hello')
    expect(server.logins).toEqual([`${algorithm}-cert-v01 accepted`])
  })

  it('are never asked for with SHA-1, since we say what we take', async () => {
    const key = await room.key('login', 'rsa')
    await room.certify(userCa, key, forUser)
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob] } })
    const options = ['PubkeyAcceptedAlgorithms=ssh-rsa-cert-v01@openssh.com,ssh-rsa', 'LogLevel=DEBUG1']
    const said = await ssh(server, { key, certificate: `${key.path}-cert.pub`, knownHosts: trustCa(), options })
    expect(said).toContain('Permission denied')
    expect(/server-sig-algs=<(.*)>/.exec(said)?.[1]?.split(',')).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ])
    expect(server.logins).toEqual([])
  })

  it.each<[string, readonly string[]]>([
    ['expired', ['-n', user, '-V', '-2h:-1h']],
    ['not-yet-valid', ['-n', user, '-V', '+1h:+2h']],
    ['wrong-principal', ['-n', 'somebody', '-V', '-1m:+1h']],
    ['no-principals', ['-V', '-1m:+1h']],
    ['unknown-critical-option', [...forUser, '-O', 'critical:odd@example.com']],
    ['wrong-source-address', [...forUser, '-O', 'source-address=192.0.2.0/24']],
    ['forced-command', [...forUser, '-O', 'force-command=/bin/sh']],
  ])('are refused: %s', async (reason, options) => {
    expect(await login(options)).toEqual([reason])
  })

  it('are refused: of a CA that is not trusted, and of one that signs with SHA-1', async () => {
    expect(await login(forUser, { ca: await room.key('another-ca') })).toEqual(['untrusted-ca'])
    const ca = await room.key('user-ca', 'rsa')
    const users = { trustedCas: [ca.publicKey.blob] }
    expect(await login(['-t', 'ssh-rsa', ...forUser], { ca, users })).toEqual(['weak-ca-signature'])
  })

  it('are refused: revoked by key, serial, key id and CA', async () => {
    const { publicKey } = await room.key('login')
    for (const list of [
      { ...nothingRevoked, keys: [publicKey.blob] },
      { ...nothingRevoked, keys: [userCa.publicKey.blob] },
      { ...nothingRevoked, serials: [{ from: 5n, to: 9n }] },
      { ...nothingRevoked, keyIds: [{ ca: userCa.publicKey.blob, keyId: 'test' }] },
    ])
      expect(await login([...forUser, '-z', '7'], { users: { revocation: (of) => revokedPartOf(list, of) } })).toEqual([
        'revoked',
      ])
  })

  it('may be bound to where they come from, and to what is run anyway', async () => {
    const options = [...forUser, '-O', 'source-address=127.0.0.0/8', '-O', 'force-command=netconf']
    expect(await login(options, { users: { runs: (command) => command === 'netconf' } })).toEqual(['accepted'])
  })

  it('are refused: a host certificate', async () => {
    const key = await room.key('login')
    const host = await room.certify(userCa, key, ['-h', ...forUser])
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob] } })
    // Neither ssh nor loginKey would offer it.
    expect(loginKey(key.privateKey, host)).toMatchObject({ failure: { reason: 'certificate-of-another-role' } })
    const dialled = await dialling(server, keyFor(key.privateKey, { ...host, role: 'user' }))
    expect(dialled).toMatch(/All configured authentication methods/)
    expect(server.logins).toEqual(['ssh-ed25519-cert-v01 wrong-role'])
  })

  it('are refused: changed after they were signed', async () => {
    const key = await room.key('login')
    const { type, blob } = await room.certify(userCa, key, ['-n', 'netopz', '-V', '-1m:+1h'])
    const changed = Buffer.from(blob)
    changed.write('netops', changed.indexOf('netopz'))
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob] } })
    const tampered = certificateIn(`${type} ${changed.toString('base64')}`)
    expect(await dialling(server, keyFor(key.privateKey, tampered))).toMatch(/All configured authentication methods/)
  })

  it('are refused: valid, but offered by somebody without the private key', async () => {
    const key = await room.key('login')
    const thief = await room.key('thief')
    const certificate = await room.certify(userCa, key, forUser)
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob] } })
    // An agent that signs for any key with the thief's.
    const agent = join(room.directory, 'forger')
    const forger = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (request) => {
        const from = 9 + request.readUInt32BE(5)
        const data = request.subarray(from + 4, from + 4 + request.readUInt32BE(from))
        const signature = sshString(signatureBlob(thief.privateKey, 'ssh-ed25519', data))
        socket.write(sshString(Buffer.concat([Buffer.from([14]), signature])))
      })
    }).listen(agent)
    await once(forger, 'listening')
    cleanups.push(async () => void forger.close())
    const plain = parseVerifyingKey(key.publicKey.blob)
    if (!plain.ok) throw new Error(plain.failure.message)
    const identity = { agent, comment: '', key: plain.key, certificate }
    const made = agentLoginKey(identity)
    if (!made.ok) throw new Error(made.failure.message)
    expect(await dialling(server, made.key)).toMatch(/All configured authentication methods/)
    expect(server.logins).toEqual(['ssh-ed25519-cert-v01 bad-signature'])
  })

  const dialling = async ({ port }: TestServer, key: ReturnType<typeof keyFor>): Promise<string> => {
    const host = (await room.key('host')).publicKey.blob
    const dialled = await dial({ port, host, algorithms: ['ssh-ed25519'], keys: [key] })
    cleanups.push(dialled.end)
    return dialled.outcome
  }

  it.each(keyKinds)('are accepted from paramiko, with -cert.pub beside a %s key', async (kind) => {
    const key = await room.key('python', kind)
    await room.certify(userCa, key, forUser)
    const server = await serving({ users: { trustedCas: [userCa.publicKey.blob] } })
    const script = [
      'import paramiko, sys',
      'client = paramiko.SSHClient()',
      'client.set_missing_host_key_policy(paramiko.AutoAddPolicy())',
      'client.connect("127.0.0.1", int(sys.argv[1]), sys.argv[2], key_filename=sys.argv[3], allow_agent=False, look_for_keys=False)',
      'print(client.exec_command("hello")[1].read().decode(), end="")',
      'client.close()',
    ]
    const python = ['-B', '-W', 'ignore', '-c', script.join('\n'), String(server.port), user, key.path]
    const { stdout } = await promisify(execFile)('/usr/bin/python3', python, { timeout: 20_000 })
    expect(stdout).toBe('hello')
    expect(server.logins.at(-1)).toMatch(/-cert-v01 accepted$/)
  })

  it('are accepted from ncclient, which takes them from ssh-agent', async () => {
    const key = await room.key('ncclient')
    await room.certify(userCa, key, forUser)
    const agent = await startSshAgent(join(room.directory, 'agent'))
    cleanups.push(agent.stop)
    await agent.add(key.path)
    const env = { ...process.env, SSH_AUTH_SOCK: agent.socket, HOME: room.directory }
    const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
    const server = await serving({
      users: { trustedCas: [userCa.publicKey.blob] },
      onSession: (channel) => {
        channel.write(
          `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities><session-id>830</session-id></hello>]]>]]>`,
        )
        channel.resume()
      },
    })
    const script = [
      'import sys',
      'from ncclient import manager',
      'm = manager.connect(host="127.0.0.1", port=int(sys.argv[1]), username=sys.argv[2], hostkey_verify=False, look_for_keys=False)',
      'print(m.session_id, end="", flush=True)',
      'import os; os._exit(0)',
    ]
    const python = ['-B', '-W', 'ignore', '-c', script.join('\n'), String(server.port), user]
    const { stdout } = await promisify(execFile)('/usr/bin/python3', python, { timeout: 20_000, env })
    expect(stdout).toBe('830')
    expect(server.logins.at(-1)).toBe('ssh-ed25519-cert-v01 accepted')
  })
})
