import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AuthenticationType, ClientCallback } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ssh2 } from '../../src/ssh/ssh2/load.js'
import { kexInit, rawPeer } from '../ssh/support/raw-peer.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import type { ConfigFile, RunningBridge } from './support/bridge.js'
import { metricsOf } from './support/metrics.js'
import { login } from './support/test-client.js'
import { cheapPasswordHash, ops, opsUser } from './support/users.js'

/** A race between a client that hangs up and what it sent is not lost by luck as often as this. */
const TIMES = 5

const JSCH = fileURLToPath(new URL('parts/OldJsch.java', import.meta.url))
const JSCH_JAR = '/usr/share/java/jsch.jar'
const PARAMIKO = fileURLToPath(new URL('parts/old_client.py', import.meta.url))

/** What libssh2 1.8 knows, as ssh_config has it. */
const LIBSSH2 = [
  'KexAlgorithms=diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1',
  'HostKeyAlgorithms=ssh-rsa',
  'Ciphers=aes256-cbc,aes128-cbc,3des-cbc',
  'MACs=hmac-sha1,hmac-md5',
  'PubkeyAcceptedAlgorithms=ssh-rsa',
]

const nms = { name: 'old-nms', password: 'pw-old' } as const
let keys: Awaited<ReturnType<typeof makeTempDir>>
let key: SshKey
/** The same private key in the form that JSch 0.1 reads. */
let pemKey: string
let attached: AttachedDevice
let bridge: RunningBridge

const config = (legacy: ConfigFile | undefined, devices: readonly object[]): ConfigFile => ({
  credentials: { default: { username: 'netconf', password: 'pw-device' } },
  devices,
  users: [
    opsUser({ 'authorized-keys': [key.publicKey] }),
    {
      name: nms.name,
      'password-hash': cheapPasswordHash(nms.password),
      'authorized-keys': [key.publicKey],
      roles: ['operator'],
    },
  ],
  endpoint: { ssh: legacy === undefined ? {} : { legacy: { port: 0, ...legacy } } },
})

let devices: readonly object[]
const usual: ConfigFile = { users: [nms.name], devices: ['router1', 'site=tokyo'] }

beforeAll(async () => {
  keys = await makeTempDir('old-clients')
  key = await makeSshKey(keys.path, 'rsa', 'login')
  pemKey = join(keys.path, 'login.pem')
  await copyFile(key.path, pemKey)
  await chmod(pemKey, 0o600)
  for (const [command, ...args] of [
    ['ssh-keygen', '-q', '-p', '-m', 'PEM', '-P', '', '-N', '', '-f', pemKey],
    ['javac', '-cp', JSCH_JAR, '-d', keys.path, JSCH],
  ] as const)
    expect(await run(command, args, '')).toMatchObject({ status: 0 })
  devices = [
    { id: 'router1', secret: 'secret-of-the-device' },
    { id: 'router2', secret: 'other', labels: { site: 'osaka' } },
  ]
  attached = await startAttachedDevice({ netconf: byteSubsystem.echo(), config: config(usual, devices) })
  bridge = attached.bridge
})
afterAll(async () => {
  await attached.stop()
  await keys.remove()
})

interface Ended {
  readonly status: number
  readonly output: string
  readonly errors: string
}

function run(command: string, args: readonly string[], input: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: 60_000 }, (error, output, errors) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, output, errors }),
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

const paramiko = (port: number, user: string, secret: string, input = 'sent by paramiko'): Promise<Ended> =>
  run('/usr/bin/python3', ['-B', PARAMIKO, bridge.host, String(port), user, secret], input)

/** It is stopped at its first compiler, which such a short run does without the other. */
const jsch = (port: number, user: string, secret: string, input = 'sent by JSch'): Promise<Ended> => {
  const args = ['-XX:TieredStopAtLevel=1', '-cp', `${JSCH_JAR}:${keys.path}`, 'OldJsch']
  return run('java', [...args, bridge.host, String(port), user, secret], input)
}

const libssh2 = (port: number, user: string, input = 'sent by libssh2'): Promise<Ended> => {
  const options = [
    ...LIBSSH2,
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'BatchMode=yes',
    `IdentityFile=${key.path}`,
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ].flatMap((option) => ['-o', option])
  return run('ssh', ['-F', 'none', ...options, '-p', String(port), '-s', `${user}@${bridge.host}`, 'netconf'], input)
}

describe('an old client on the listener for them', () => {
  it('of paramiko 1.x gets a session by password', async () => {
    const ended = await paramiko(bridge.legacyPort, `${nms.name}@router1`, nms.password)
    expect(ended).toMatchObject({ status: 0, output: 'sent by paramiko' })
    expect(ended.errors).toMatch(/^ssh-rsa aes128-cbc hmac-sha1$/m)
    const weak = 'diffie-hellman-group14-sha1, ssh-rsa, aes128-cbc, hmac-sha1'
    await bridge.logged(/^client authenticated/, { user: nms.name, weak })
    const counted = await metricsOf(bridge)
    expect(counted.get('homeport_weak_algorithms_total{side="client",algorithm="ssh-rsa"}')).toBeGreaterThan(0)
  })

  it('of paramiko 1.x gets one by an RSA key and SHA-1', async () => {
    const ended = await paramiko(bridge.legacyPort, `${nms.name}@router1`, key.path)
    expect(ended).toMatchObject({ status: 0, output: 'sent by paramiko' })
  })

  it('of libssh2 1.8 gets one by an RSA key and SHA-1', async () => {
    expect(await libssh2(bridge.legacyPort, `${nms.name}@router1`)).toMatchObject({
      status: 0,
      output: 'sent by libssh2',
    })
  })

  it('of JSch 0.1 that knows RSA and SHA-1 alone gets one by password, and by an RSA key', async () => {
    for (const secret of [nms.password, pemKey])
      expect(await jsch(bridge.legacyPort, `${nms.name}@router1`, secret)).toMatchObject({
        status: 0,
        output: 'sent by JSch',
      })
  })

  it('is warned of at the start', () => {
    const line = bridge.log().find(({ msg }) => msg.includes('clients of old-nms may use weak algorithms'))
    expect(line).toMatchObject({ level: 'warn' })
  })
})

describe('the listener for old clients', () => {
  it('lets in nobody else, with the right password or the right key', async () => {
    const from = bridge.lines.all.length
    const byPassword = await paramiko(bridge.legacyPort, `${ops.name}@router1`, ops.password)
    expect(byPassword.errors).toMatch(/AuthenticationException|Authentication failed/)
    await bridge.logged(/endpoint\.ssh\.legacy is not for this user/, { reason: 'not-on-this-port' }, { from })
    expect((await libssh2(bridge.legacyPort, `${ops.name}@router1`)).errors).toMatch(/Permission denied/)
    expect((await paramiko(bridge.legacyPort, 'nobody@router1', 'x')).errors).toMatch(/Authentication/)
  })

  it('lets in nobody else by keyboard-interactive, or by another spelling of a name', async () => {
    const from = bridge.lines.all.length
    const attempt = (username: string, by: AuthenticationType): Promise<string> =>
      new Promise((resolve) => {
        const client = new ssh2.Client()
        const end = (outcome: string): void => {
          client.end()
          resolve(outcome)
        }
        client.on('ready', () => end('it is in'))
        client.on('error', ({ message }) => end(message))
        client.on('keyboard-interactive', (_name, _words, _language, _prompts, answer) => answer([ops.password]))
        const { password } = ops
        const authHandler: AuthenticationType[] = ['none', by]
        const { host, legacyPort: port } = bridge
        client.connect({ host, port, username, password, tryKeyboard: true, authHandler })
      })
    expect(await attempt(`${ops.name}@router1`, 'keyboard-interactive')).toMatch(/authentication methods failed/)
    expect(await attempt(`${nms.name}@${ops.name}@router1`, 'password')).toMatch(/authentication methods failed/)
    expect(bridge.lines.all.slice(from).join('\n')).not.toContain('client authenticated')
  })

  it('leads to no other device by a command, a shell or files either', async () => {
    const client = await login({ ...bridge, endpointPort: bridge.legacyPort }, 'router2', {
      username: `${nms.name}@router2`,
      password: nms.password,
    })
    const told = (begin: (done: ClientCallback) => unknown): Promise<string> =>
      new Promise((resolve) => {
        begin((error, channel) => {
          if (error !== undefined) return resolve(error.message)
          let words = ''
          channel.stderr.on('data', (bytes: Buffer) => {
            words += bytes.toString()
          })
          channel.resume().once('close', () => resolve(words))
        })
      })
    const refused = /device router2 is not reached by endpoint\.ssh\.legacy/
    expect(await told((done) => client.exec('show version', done))).toMatch(refused)
    expect(await told((done) => client.shell(false, done))).toMatch(refused)
    expect(await told((done) => client.subsys('sftp', done))).toMatch(refused)
    client.stop()
  })

  it('leads to no other device', async () => {
    const other = await libssh2(bridge.legacyPort, `${nms.name}@router2`)
    expect(other.status).not.toBe(0)
    expect(`${other.output}${other.errors}`).toMatch(/no rights here: device router2 is not reached by/)
    // The same words for what there is not.
    expect((await libssh2(bridge.legacyPort, `${nms.name}@none`)).errors).toMatch(/device none is not reached by/)
  })

  it('is no jump host', async () => {
    const { bridge: at } = attached
    const client = await login({ ...at, endpointPort: at.legacyPort }, 'router1', {
      username: nms.name,
      password: nms.password,
    })
    const refused = await new Promise<string>((resolve) => {
      client.forwardOut('127.0.0.1', 1, 'router1', 830, (error) => resolve(error?.message ?? 'open'))
    })
    expect(refused).toContain('the listener for old clients lets nothing be reached through its connections')
    await bridge.logged(/^jump refused/, { reason: 'no-jump-host', host: 'router1', user: nms.name })
    client.stop()
  })

  it('serves who knows better by what is better', async () => {
    const client = await login({ ...bridge, endpointPort: bridge.legacyPort }, 'router1', {
      username: `${nms.name}@router1`,
      password: nms.password,
    })
    client.stop()
    const lines = bridge.log().filter(({ msg }) => msg === 'client authenticated')
    expect(lines.at(-1)?.['weak']).toBeUndefined()
  })

  it('outlives garbage, half a message, silence and hang-ups', async () => {
    for (const sent of ['', 'SSH-2.0-x\r\n', 'GET / HTTP/1.1\r\n\r\n', `SSH-2.0-x\r\n${'\0'.repeat(64)}`]) {
      const socket = connect(bridge.legacyPort, bridge.host)
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      socket.write(sent)
      if (sent === '') socket.destroy()
      else socket.end()
      await once(socket.resume(), 'close')
    }
    expect(await libssh2(bridge.legacyPort, `${nms.name}@router1`)).toMatchObject({ status: 0 })
  })
})

describe('the shared port', () => {
  const counted = async (): Promise<number> =>
    (await metricsOf(bridge)).get('homeport_login_refusals_total{reason="no-common-algorithm"}') ?? 0

  it('refuses them, and each one is logged and counted, however soon it hangs up', async () => {
    const before = await counted()
    for (let time = 0; time < TIMES; time++) {
      const from = bridge.lines.all.length
      const ended = await libssh2(bridge.endpointPort, `${nms.name}@router1`)
      expect(ended.errors).toMatch(/no matching key exchange method found. Their offer: mlkem768x25519-sha256/)
      const { level, hint, reason } = await bridge.logged(
        /no key exchange in common: the client offers diffie-hellman-group-exchange-sha1, .*; the bridge takes mlkem768x25519-sha256, /,
        {},
        { from },
      )
      expect([level, reason]).toEqual(['info', 'no-common-algorithm'])
      expect(hint).toMatch(/endpoint\.ssh\.legacy with algorithms: legacy/)
    }
    expect(await counted()).toBe(before + TIMES)
  })

  it.each([
    ['together with its identification', true],
    ['in a packet of its own', false],
  ])('counts one once that sends its lists %s and stays or leaves', async (_, together) => {
    for (const stays of [true, false]) {
      const from = bridge.lines.all.length
      const socket = connect(bridge.endpointPort, bridge.host)
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      if (together) socket.cork()
      rawPeer(socket).send(kexInit({ kex: ['unheard-of'] }))
      if (together) socket.uncork()
      if (stays) await once(socket.resume(), 'close')
      else socket.end()
      await bridge.logged(/no key exchange in common: the client offers unheard-of/, {}, { from })
      await metricsOf(bridge)
      const lines = bridge.lines.all.slice(from).filter((line) => line.includes('"no-common-algorithm"'))
      expect(lines).toHaveLength(1)
    }
  })

  it('refuses JSch that knows RSA and SHA-1 alone, although the bridge has an RSA key', async () => {
    const from = bridge.lines.all.length
    const ended = await jsch(bridge.endpointPort, `${nms.name}@router1`, nms.password)
    expect(ended.status).not.toBe(0)
    expect(ended.errors).toMatch(/Algorithm negotiation fail/)
    await bridge.logged(
      /no host key algorithm in common: the client offers ssh-rsa.*; the bridge takes ssh-ed25519, .*rsa-sha2-256/,
      { level: 'info', reason: 'no-common-algorithm' },
      { from },
    )
  })

  it('counts paramiko of SHA-1, too, when there were more lines than are logged', async () => {
    const before = await counted()
    expect((await paramiko(bridge.endpointPort, `${nms.name}@router1`, nms.password)).errors).toMatch(/Incompatible/)
    await waitFor('its refusal to be counted', async () => ((await counted()) > before ? true : undefined))
  })

  it('presents its RSA key with SHA-2 to those who ask for it, and never with SHA-1', async () => {
    const asking = async (algorithm: string): Promise<unknown> =>
      login(bridge, 'router1', { algorithms: { serverHostKey: [algorithm as 'ssh-rsa'] } }).then(
        (client) => client.stop(),
        (error: Error) => error.message,
      )
    expect(await asking('rsa-sha2-512')).toBeUndefined()
    expect(await asking('rsa-sha2-256')).toBeUndefined()
    expect(await asking('ssh-rsa')).toMatch(/no matching host key format/)
  })

  it('takes no key by SHA-1', async () => {
    const from = bridge.lines.all.length
    const options = ['PubkeyAcceptedAlgorithms=ssh-rsa', 'BatchMode=yes', 'StrictHostKeyChecking=no']
    const ended = await run(
      'ssh',
      [
        '-F',
        'none',
        ...[...options, 'UserKnownHostsFile=/dev/null', `IdentityFile=${key.path}`, 'IdentityAgent=none'].flatMap(
          (option) => ['-o', option],
        ),
        '-p',
        String(bridge.endpointPort),
        '-s',
        `${nms.name}@router1@${bridge.host}`,
        'netconf',
      ],
      '',
    )
    expect(ended.errors).toMatch(/Permission denied/)
    expect(bridge.lines.all.slice(from).join('\n')).not.toContain('client authenticated')
  })
})

describe('a reload', () => {
  it('changes who may use the listener and ends those who may not any more', async () => {
    const client = await login({ ...bridge, endpointPort: bridge.legacyPort }, 'router1', {
      username: `${nms.name}@router1`,
      password: nms.password,
    })
    const closed = once(client, 'close')
    const from = bridge.lines.all.length
    await bridge.reload(config({ ...usual, users: [ops.name] }, devices))
    await bridge.logged(/^connection closed/, { reason: 'login-withdrawn' }, { from })
    await closed
    const now = await paramiko(bridge.legacyPort, `${ops.name}@router1`, ops.password)
    expect(now).toMatchObject({ status: 0, output: 'sent by paramiko' })
    // Where it listens waits for the next start.
    await bridge.reload(config(undefined, devices))
    expect(bridge.lines.all.slice(from).join('\n')).toMatch(/endpoint\.ssh\.legacy.* at the next start/)
    await bridge.reload(config(usual, devices))
  })
})
