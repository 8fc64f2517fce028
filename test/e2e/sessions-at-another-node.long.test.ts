import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DeviceChannel, Link } from '../../src/fleet/link.js'
import { twoFleets, type TwoFleets } from '../cluster/support/two-fleets.js'
import { openSocketPair, type SocketPair } from '../southbound/support/socket-pair.js'
import { openTrustedLink } from '../southbound/support/trusted-link.js'
import { byteSubsystem, deterministicBytes, expectedHash } from './parts/byte-subsystem.js'
import { type Ended, type Login, runSsh } from './parts/clients.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { prepareSshd, type Sshd } from './parts/sshd.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { runOnTerminal } from './parts/terminal.js'
import { eventually } from '../cluster/support/eventually.js'

const MB = 1_000_000

let room: TempDir
let key: SshKey
let sshd: Sshd

beforeAll(async () => {
  room = await makeTempDir('another-node')
  key = await makeSshKey(room.path, 'ed25519', 'host')
  sshd = await prepareSshd({
    hostKeys: [key],
    login: { user: 'netconf', password: 'secret' },
    subsystems: { netconf: byteSubsystem.echo(), sink: byteSubsystem.sink(), source: byteSubsystem.send(30 * MB) },
    profile: "PS1='device# '\n",
    config: ['MaxSessions 10', 'AcceptEnv LANG LC_*'],
  })
})
afterAll(async () => {
  await sshd?.stop()
  await room?.remove()
})

/** The link to a real sshd, and two nodes of which one has it. */
let sockets: SocketPair
let link: Link
let two: TwoFleets

beforeEach(async () => {
  sockets = await openSocketPair()
  sockets.device.pause()
  sshd.spawn(sockets.device)
  sockets.device.destroy()
  link = await openTrustedLink(sockets.bridge, {
    channels: { channelOpenTimeout: 10_000, channelCloseTimeout: 2_000 },
    login: () => Promise.resolve({ username: 'netconf', keys: [], password: 'secret' }),
  })
  two = await twoFleets(link)
})
afterEach(() => {
  two.stop()
  sockets.stop()
})

const exec = (command: string) => ({ kind: 'exec', command }) as const

/** Reads to the end. An iterator would close the channel there, and its exit may come behind its end. */
async function readTo(stream: Readable, take: (part: Buffer) => void): Promise<void> {
  stream.on('data', take)
  await once(stream, 'end')
}

async function textOf(stream: Readable): Promise<string> {
  const parts: Buffer[] = []
  await readTo(stream, (part) => parts.push(part))
  return Buffer.concat(parts).toString()
}

/** All that a session gives, once it is over. */
async function readAll({ stream, standardError, closed }: DeviceChannel) {
  const [output, errors, end] = await Promise.all([textOf(stream), textOf(standardError), closed])
  return { output, errors, end }
}

describe('a session on a real sshd at another node', () => {
  it('has output, errors and exit status of its own', async () => {
    const channel = await two.channel(exec('echo out; echo odd >&2; exit 7'))
    expect(await readAll(channel)).toEqual({ output: 'out\n', errors: 'odd\n', end: { exit: { status: 7 } } })
    expect(channel.linkEnd()).toBeUndefined()
  })

  it('that ends by a signal tells which', async () => {
    const { end } = await readAll(await two.channel(exec('kill -KILL $$')))
    expect(end).toEqual({ exit: { signal: 'KILL', message: expect.any(String) } })
  })

  it('hears the end of its input, and its answer comes after it', async () => {
    const channel = await two.channel(exec('cat; echo " and after"; exit 3'))
    const read = readAll(channel)
    channel.stream.end('before')
    expect(await read).toEqual({ output: 'before and after\n', errors: '', end: { exit: { status: 3 } } })
  })

  it('hears of signals and of breaks without harm', async () => {
    const channel = await two.channel(
      exec('trap "echo trapped; exit 9" USR1; echo ready; while :; do sleep 0.05; done'),
    )
    await once(channel.stream, 'readable')
    expect(String(channel.stream.read())).toBe('ready\n')
    channel.sendBreak(10)
    channel.signal('USR1')
    expect(await readAll(channel)).toMatchObject({ output: 'trapped\n', end: { exit: { status: 9 } } })
  })

  it('on a terminal has its type, size and modes, and hears of a new size', async () => {
    const terminal = { type: 'xterm-256color', columns: 77, rows: 11, width: 0, height: 0, modes: Buffer.alloc(1) }
    const channel = await two.channel({
      ...exec('echo $TERM $(stty size); until [ "$(stty size)" = "33 99" ]; do sleep 0.05; done; stty size'),
      terminal,
      environment: [{ name: 'LANG', value: 'xx_YY.UTF-8' }],
    })
    expect(channel.terminalRefused).toBe(false)
    await once(channel.stream, 'readable')
    expect(String(channel.stream.read())).toBe('xterm-256color 11 77\r\n')
    channel.resize({ columns: 99, rows: 33, width: 0, height: 0 })
    expect(await readAll(channel)).toMatchObject({ output: '33 99\r\n', end: { exit: { status: 0 } } })
  })

  it('is refused in the words of the device', async () => {
    const opening = await two.open({ kind: 'subsystem', name: 'nonsense' })
    expect(opening).toMatchObject({ ok: false, cause: 'refused', no: { reason: 'refused-by-device', retry: false } })
    await eventually(async () => expect((await two.b.fleet.counts()).sessions).toEqual({ ssh: 0, http: 0 }))
  })

  it('reaches a port of the device, and is told where nothing listens', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const channel = await two.channel({ kind: 'tcp', port: (server.address() as AddressInfo).port })
    const hash = createHash('sha256')
    const sent = (async () => {
      for (const part of deterministicBytes(8 * MB))
        if (!channel.stream.write(part)) await once(channel.stream, 'drain')
      channel.stream.end()
    })()
    channel.standardError.resume()
    await readTo(channel.stream, (part) => hash.update(part))
    await sent
    expect(hash.digest('hex')).toBe(expectedHash(8 * MB))
    await channel.closed
    server.close()
    const opening = await two.open({ kind: 'tcp', port: 1 })
    expect(opening).toMatchObject({ ok: false, cause: 'refused', no: { reason: 'port-closed' } })
  })

  it.each([1, 2, 3, 4, 5])('carries 30 MB each way without a byte too few: time %i', async () => {
    const down = await two.channel({ kind: 'subsystem', name: 'source' })
    const hash = createHash('sha256')
    down.standardError.resume()
    await readTo(down.stream, (part) => hash.update(part))
    expect(hash.digest('hex')).toBe(expectedHash(30 * MB))
    expect(await down.closed).toEqual({ exit: { status: 0 } })

    const up = await two.channel({ kind: 'subsystem', name: 'sink' })
    const report = readAll(up)
    for (const part of deterministicBytes(30 * MB)) if (!up.stream.write(part)) await once(up.stream, 'drain')
    up.stream.end()
    expect(JSON.parse((await report).output)).toEqual({ bytes: 30 * MB, sha256: expectedHash(30 * MB), eof: true })
  })

  it('holds back a device of which nobody reads, and a client to which the device does not listen', async () => {
    const unread = await two.channel(exec('exec cat /dev/zero'))
    const deaf = await two.channel(exec('exec sleep 1000'))
    let sent = 0
    while (deaf.stream.write(Buffer.alloc(65_536))) sent += 65_536
    const fill = (): void => {
      while (deaf.stream.write(Buffer.alloc(65_536))) sent += 65_536
    }
    deaf.stream.on('drain', fill)
    const carried = async () => (await two.b.fleet.sessions()).map(({ bytes }) => bytes)
    // Nothing moves any more, and what others do on the same connection still does.
    let before = ''
    await vi.waitFor(
      async () => {
        const now = JSON.stringify([await carried(), sent])
        const isStill = now === before
        before = now
        expect(isStill).toBe(true)
      },
      { interval: 500, timeout: 20_000 },
    )
    const [ofUnread, ofDeaf] = await carried()
    expect(ofUnread?.fromDevice).toBeLessThan(16 * MB)
    expect(ofUnread?.fromDevice).toBeGreaterThan(0)
    expect(sent).toBeLessThan(16 * MB)
    expect(ofDeaf?.fromClient).toBeLessThan(16 * MB)
    expect(await readAll(await two.channel(exec('echo free')))).toMatchObject({ output: 'free\n' })
    // A channel that is closed takes whatever is written, and drops it.
    deaf.stream.off('drain', fill)
    for (const channel of [unread, deaf]) {
      channel.stream.on('error', () => undefined).resume()
      channel.standardError.resume()
      channel.close()
    }
    // The device has five seconds to read what was on its way, and sshd closes no channel while something does not read.
    await eventually(async () => expect(await two.b.fleet.sessions()).toEqual([]))
  })

  it('is apart from others on the same connection', async () => {
    const each = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const channel = await two.channel(exec(`cat; echo err${at} >&2; exit ${at}`))
        const read = readAll(channel)
        for (let part = 0; part < 50; part += 1)
          if (!channel.stream.write(`${at}`.repeat(10_000))) await once(channel.stream, 'drain')
        channel.stream.end()
        return read
      }),
    )
    for (const [at, { output, errors, end }] of each.entries()) {
      expect(output === `${at}`.repeat(500_000)).toBe(true)
      expect([errors, end]).toEqual([`err${at}\n`, { exit: { status: at } }])
    }
  })

  it('leaves no session on the device: 64 one after another, where ten are allowed', async () => {
    for (let time = 0; time < 64; time += 1) {
      const channel = await two.channel({ kind: 'subsystem', name: 'netconf' })
      const heard = once(channel.stream, 'data')
      channel.stream.write(`${time}`)
      expect(String(await heard)).toBe(`${time}`)
      if (time % 2 === 0) {
        channel.stream.end()
        channel.stream.resume()
        channel.standardError.resume()
        await channel.closed
      } else {
        // Its client leaves at once, and reads no more.
        channel.stream.resume()
        channel.standardError.resume()
        channel.close()
      }
    }
    await eventually(async () => expect(await two.b.fleet.sessions()).toEqual([]))
    await eventually(() => expect(two.a.peers.counts().sessions).toBe(0))
  })
})

describe('a client of one node, with OpenSSH, on a device of the other', () => {
  let login: Login
  beforeEach(async () => {
    const { port } = await two.client()
    login = { host: '127.0.0.1', port, user: 'ops', key }
  })
  const run = (command: string, input = ''): Promise<Ended> => runSsh(login, input, { ask: { exec: command } })

  it('has status, errors, end of input and signals', async () => {
    const plain = await run('cat; echo odd >&2; exit 7', 'in and out\n')
    expect([plain.stdout.toString(), plain.stderr, plain.status]).toEqual(['in and out\n', 'odd\n', 7])
    expect((await run('kill -KILL $$')).status).toBe(255)
  })

  it('has a shell on a terminal, of which the size changes', async () => {
    const { status, output } = await runOnTerminal(login, [
      { expect: 'device# ' },
      { type: 'echo terminal=$TERM size=$(stty size)\n' },
      { expect: 'terminal=xterm-256color size=31 97\r\n' },
      { resize: [132, 43] },
      { type: 'until [ "$(stty size)" = "43 132" ]; do sleep 0.05; done; echo resized=$((1+1))\n' },
      { expect: 'resized=2\r\n' },
      { type: 'exit 7\n' },
    ])
    expect(output).toContain('exit 7\r\n')
    expect(status).toBe(7)
  })

  it('reads why its session ended where the device is gone', async () => {
    const ended = run('exec sleep 100')
    await eventually(async () => expect((await two.b.fleet.sessions()).length).toBe(1))
    sockets.bridge.destroy()
    const { stderr, status } = await ended
    expect(stderr).toMatch(
      /^homeport: the link to "router1" ended: the device closed the connection|the connection was/,
    )
    expect(status).toBe(1)
  })
})
