import { once } from 'node:events'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runSsh } from './parts/clients.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

/** Stands for bytes that ssh2 cannot be given, because it encodes names as UTF-8; as many as there are characters. */
const notUtf8 = 'not-utf-8@router1'

describe('a client that gets no session is told why, and never hangs', () => {
  let attached: AttachedDevice
  beforeAll(async () => {
    const hostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM5hhC2RpCl37tEaCqW2Q59+OFr8xgY3+LJgA5rJlxcz'
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      config: {
        devices: [
          { id: 'router1', secret: 'secret-of-the-device' },
          { id: 'away', 'host-keys': [hostKey] },
        ],
        users: [opsUser(), opsUser({ name: 'guest', roles: ['guests'] }), opsUser({ name: 'nobody', roles: [] })],
        roles: {
          operator: { devices: ['*'], operations: ['*'] },
          guests: { devices: ['away'], operations: ['*'] },
        },
        // What repeated failures bring about is for guessed-passwords.long.test.ts.
        'login-limits': { 'slow-down': '10ms', 'failures-per-user-and-address': 1000 },
      },
    })
  })
  afterAll(() => attached?.stop())

  it.each([
    ['an unknown device', 'ops', 'router9', /^homeport: no device "router9" is known here; .+\n$/],
    [
      'a device that is not connected',
      'ops',
      'away',
      /^homeport: device "away" is not connected: it has not called home since the bridge started \d+ s ago; .+\n$/,
    ],
    ['no rights on the device', 'guest', 'router1', /^homeport: user "guest" has no rights here: .+\n$/],
    [
      'no rights, which does not tell whether a device exists',
      'guest',
      'router9',
      /^homeport: user "guest" has no rights here: .+\n$/,
    ],
    ['no role at all', 'nobody', 'router1', /^homeport: user "nobody" has no rights here: .+\n$/],
  ])('%s', async (_name, user, deviceId, line) => {
    const { stderr, status } = await runSsh(clientLogin(attached.bridge, deviceId, { user }))
    expect(stderr).toMatch(line)
    expect(status).toBe(1)
  })

  it.each([
    ['a wrong password', 'ops@router1', 'not-hers'],
    ['an unknown user', 'mallory@router1', 'pw-ops'],
    ['a plain name of nobody', 'mallory', 'pw-ops'],
    ['% and a name of nobody', 'mallory%router1', 'pw-ops'],
    ['no device after the @', 'ops@', 'pw-ops'],
    ['no user before the @', '@router1', 'pw-ops'],
    ['a name of 300 characters', `${'a'.repeat(300)}@router1`, 'pw-ops'],
    ['a device id of 300 characters', `ops@${'r'.repeat(300)}@x`, 'pw-ops'],
    ['slashes', 'ops/../../etc@router1', 'pw-ops'],
  ])('login with %s fails like any other, and leaks nothing', async (_name, user, password) => {
    const from = attached.bridge.lines.all.length
    const { stderr, status } = await runSsh({ ...clientLogin(attached.bridge, ''), user, password })
    expect(stderr).toMatch(/Permission denied \(publickey,password,keyboard-interactive\)/)
    expect(status).toBe(255)
    await attached.bridge.logged(/^authentication failed/, { login: user }, { from })
    expect(attached.bridge.lines.all.slice(from).join('\n')).not.toContain(password)
  })

  it.each([
    ['a space', 'o ps@router1', /^authentication failed: wrong-password/],
    ['a newline', 'ops\n@router1', /^authentication failed: it holds control characters/],
    ['octets that are not UTF-8', notUtf8, /^authentication failed: it is not UTF-8/],
  ])('login with %s fails', async (_name, username, line) => {
    const client = new ssh2.Client()
    const failed = once(client, 'error')
    client.connect({
      host: attached.bridge.host,
      port: attached.bridge.endpointPort,
      username,
      authHandler: oneAttempt(username),
    })
    await failed
    await attached.bridge.logged(line)
  })

  it('a user may fail six times on one connection and then log in', async () => {
    const client = new ssh2.Client()
    const ready = once(client, 'ready')
    let attempts = 0
    client.connect({
      host: attached.bridge.host,
      port: attached.bridge.endpointPort,
      username: 'ops@router1',
      authHandler: (_left, _partial, next) => {
        attempts += 1
        next({ type: 'password', username: 'ops@router1', password: attempts <= 6 ? 'wrong' : 'pw-ops' })
      },
    })
    await ready
    client.end()
    expect(attempts).toBe(7)
  })

  it('a client that goes on guessing is cut off after max-login-attempts', async () => {
    const client = new ssh2.Client()
    const closed = once(client, 'close')
    let attempts = 0
    client.on('error', () => undefined)
    client.connect({
      host: attached.bridge.host,
      port: attached.bridge.endpointPort,
      username: 'ops@router1',
      authHandler: (_left, _partial, next) => {
        attempts += 1
        next({ type: 'password', username: 'ops@router1', password: 'wrong' })
      },
    })
    await closed
    await attached.bridge.logged(/^connection closed: too many failed/, { failures: 10 })
    // The one after the last failure went out before the connection was closed, and was not answered.
    expect(attempts).toBe(11)
  })

  it.each([
    [
      'SFTP',
      { subsystem: 'sftp' },
      /may not have the subsystem "sftp" on device "router1": the channels of role operator are netconf; it takes a role with `sftp`/,
    ],
    [
      'a command',
      { exec: 'show version' },
      /may not have this command run on device "router1": .+; it takes a role with `exec`/,
    ],
    [
      'another subsystem',
      { subsystem: 'junoscript' },
      /the subsystem "junoscript" is not carried to devices; .+ netconf/,
    ],
  ])('%s is refused with the way to ask', async (_name, ask, line) => {
    const { stderr, status } = await runSsh(clientLogin(attached.bridge, 'router1'), '', { ask })
    expect(stderr).toMatch(line)
    expect(status).toBe(1)
  })

  it('a shell is refused with the way to ask', async () => {
    const client = await login(attached.bridge, 'router1')
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
      client.shell(false, (error, opened) => (error ? reject(error) : resolve(opened)))
    })
    const told = once(channel.stderr, 'data')
    expect(String(await told)).toMatch(
      /^homeport: user "ops" may not have a shell on device "router1": .+; it takes a role with `shell` .+ ask for its subsystem/,
    )
    client.end()
  })

  it('env requests and a forgotten second request do not disturb a session', async () => {
    const client = await login(attached.bridge, 'router1')
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
      client.exec('netconf', { env: { LANG: 'C', TERM: 'vt100' } }, (error, opened) =>
        error ? reject(error) : resolve(opened),
      )
    })
    channel.resume()
    const other = await openNetconf(client)
    const echoed = once(other, 'data')
    other.write('fine')
    expect(String(await echoed)).toBe('fine')
    client.end()
  })
})

/** One password attempt; what stands for bytes that are not UTF-8 is written as such. */
function oneAttempt(username: string): ssh2.AuthHandlerMiddleware {
  let attempted = false
  return (_left, _partial, next) => {
    if (attempted) return next(false as unknown as ssh2.AuthenticationType)
    attempted = true
    const buffer = Buffer.prototype as unknown as Writers
    const { utf8Write } = buffer
    buffer.utf8Write = function write(this: Writers, text, offset, length) {
      if (text !== notUtf8) return utf8Write.call(this, text, offset, length)
      return this.latin1Write('\u00ff'.repeat(notUtf8.length), offset, length)
    }
    next({ type: 'password', username, password: 'pw-ops' })
    buffer.utf8Write = utf8Write
  }
}

type Write = (this: Writers, text: string, offset: number, length: number) => number
type Writers = { utf8Write: Write; readonly latin1Write: Write }
