import { readFile } from 'node:fs/promises'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashPassword, matchesPassword, parsePasswordHash } from '../../src/access/authn/password-hash.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh } from './parts/clients.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import type { RunningBridge } from './support/bridge.js'
import { curl, failureOf } from './support/curl.js'
import { closeOf } from './support/test-client.js'

const guessesPerConnection = 10

let keys: TempDir
let key: SshKey
let hash: string
let attached: AttachedDevice

beforeAll(async () => {
  keys = await makeTempDir('guessed')
  key = await makeSshKey(keys.path, 'ed25519')
  // As `homeport user hash-password` makes it: this is about what it costs.
  hash = await hashPassword('pw-real')
  const user = { 'password-hash': hash, roles: ['operator'] }
  attached = await startAttachedDevice({
    netconf: byteSubsystem.echo(),
    config: {
      users: [
        { ...user, name: 'real', 'authorized-keys': [key.publicKey] },
        { ...user, name: 'neighbour' },
        { ...user, name: 'new' },
      ],
      'login-limits': { 'slow-down': '20ms', 'check-while-blocked': '1s' },
    },
  })
})
afterAll(async () => {
  await attached?.stop()
  await keys?.remove()
})

/** Tries as many wrong passwords as one connection allows; none is tried twice. */
async function guess(
  bridge: RunningBridge,
  user: string,
  from: string,
  round: string,
  most = guessesPerConnection,
): Promise<number> {
  const client = new ssh2.Client()
  let guesses = 0
  client.on('error', () => undefined)
  const closed = closeOf(client)
  client.connect({
    host: bridge.host,
    port: bridge.endpointPort,
    localAddress: from,
    // However slow the machine is: no guess may be lost.
    readyTimeout: 0,
    username: `${user}@router1`,
    authHandler: (_left, _partial, next) => {
      if (guesses >= most) client.end()
      else {
        guesses += 1
        next({ type: 'password', username: `${user}@router1`, password: `${round}-${guesses}` })
      }
    },
  })
  await closed
  return guesses
}

async function echoed(user: string, login: { readonly password?: string; readonly key?: SshKey }, from = '127.0.0.1') {
  const { host, endpointPort: port } = attached.bridge
  const ended = await runSsh({ host, port, user: `${user}@router1`, ...login }, 'echo', { args: ['-b', from] })
  return ended.stdout.toString()
}

/** Seconds of CPU that the process has used, in all its threads. */
async function cpuSeconds({ process: child }: RunningBridge): Promise<number> {
  const fields = (await readFile(`/proc/${child.pid}/stat`, 'latin1')).replace(/^.*\) /, '').split(' ')
  const ticksPerSecond = 100
  // utime and stime of proc(5), counted from the state, which is the third field.
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Seconds of CPU for one derivation on this machine as it is now. */
async function cpuOfOneDerivation(): Promise<number> {
  const parsed = parsePasswordHash(hash)
  if (!parsed.ok) throw new Error('no hash')
  const before = process.cpuUsage()
  const times = 8
  for (let at = 0; at < times; at++) await matchesPassword('wrong', parsed.hash)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6 / times
}

describe('a thousand wrong passwords', () => {
  it('cost little, and the real user gets in meanwhile', async () => {
    const { bridge } = attached
    const derivation = await cpuOfOneDerivation()
    expect(await echoed('real', { password: 'pw-real' })).toBe('echo')

    const before = await cpuSeconds(bridge)
    const counts: number[] = []
    const rounds = Array.from({ length: 100 }, (_, at) => at)
    const guessing = Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let round = rounds.pop(); round !== undefined; round = rounds.pop())
          counts.push(await guess(bridge, 'real', '127.0.0.1', `guess-${round}`))
      }),
    )
    await bridge.logged(/^logins with a password are blocked/, { user: 'real', address: '127.0.0.1' })
    // From the same address: the one who is guessed, known there, by password and by key; and another user for the
    // first time.
    expect(await echoed('real', { password: 'pw-real' })).toBe('echo')
    expect(await echoed('real', { key })).toBe('echo')
    expect(await echoed('neighbour', { password: 'pw-real' })).toBe('echo')
    // And from elsewhere.
    expect(await echoed('real', { password: 'pw-real' }, '127.0.0.2')).toBe('echo')
    await guessing
    const guesses = counts.reduce((sum, count) => sum + count, 0)
    expect(guesses).toBe(1000)
    const used = (await cpuSeconds(bridge)) - before
    // Handshakes and all: a quarter of what the derivations alone would cost, and mostly far less.
    expect(used).toBeLessThan((guesses * derivation) / 4)
    expect(await echoed('real', { password: 'pw-real' })).toBe('echo')
  }, 180_000)

  it('are one line about the block, not one for each', () => {
    const blocks = attached.bridge.log().filter(({ msg }) => msg.startsWith('logins with a password are blocked'))
    expect(blocks).toMatchObject([{ level: 'warn', scope: 'user-and-address', user: 'real', failures: 5 }])
    const failures = attached.bridge.log().filter((line) => line['login'] === 'real@router1' && line.level === 'info')
    expect(failures.length).toBeLessThan(100)
  })

  it('count over HTTP as over SSH', async () => {
    const devices = `${attached.bridge.httpUrl}/api/v1/devices`
    // One of several may be drawn and checked, and one wait for that; the others are turned away.
    const answers = await Promise.all([1, 2, 3, 4].map((at) => curl('-u', `real:http-${at}`, devices)))
    const blocked = answers.filter((answer) => failureOf(answer) === '429 too-many-attempts')
    expect(blocked.length).toBeGreaterThanOrEqual(2)
    for (const { headers } of blocked) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect((await curl('-u', 'real:pw-real', devices)).status).toBe(200)
  })

  it('do not keep out for long who was never there before', async () => {
    const { bridge } = attached
    await guess(bridge, 'new', '127.0.0.1', 'early', 7)
    await bridge.logged(/^logins with a password are blocked/, { user: 'new' })
    expect(await echoed('new', { password: 'pw-real' })).toBe('echo')
  })

  it('of a name that does not exist look like those of one that does', async () => {
    const { bridge } = attached
    await guess(bridge, 'nobody-here', '127.0.0.3', 'first', 5)
    const block = await bridge.logged(/^logins with a password are blocked/, { address: '127.0.0.3' })
    expect(block).toMatchObject({ user: 'nobody-here', failures: 5 })
  })
})

describe('many user names from one address', () => {
  it('block the address, but not who was known there, nor keys, nor anybody elsewhere', async () => {
    const { bridge } = attached
    await bridge.reload({
      ...(JSON.parse(await readFile(`${bridge.directory}/homeport.yaml`, 'utf8')) as object),
      'login-limits': { 'slow-down': '0s', 'failures-per-address': 8, 'check-while-blocked': '0s' },
    })
    const from = '127.0.0.4'
    expect(await echoed('real', { password: 'pw-real' }, from)).toBe('echo')
    await Promise.all(Array.from({ length: 6 }, (_, at) => guess(bridge, `name-${at}`, from, 'spray', 4)))
    await bridge.logged(/^logins with a password are blocked/, { scope: 'address', address: from })
    expect(await echoed('neighbour', { password: 'pw-real' }, from)).toBe('')
    expect(await echoed('real', { password: 'pw-real' }, from)).toBe('echo')
    expect(await echoed('real', { key }, from)).toBe('echo')
    expect(await echoed('neighbour', { password: 'pw-real' }, '127.0.0.5')).toBe('echo')
  })
})
