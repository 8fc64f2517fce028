import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { within } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { login, openNetconf } from './support/test-client.js'

/** Sends these bytes, one write each, and ends nothing. */
type Stranger = readonly (string | Buffer)[]

describe('bad input on the call-home port is refused with its reason, and everything else goes on', () => {
  let attached: AttachedDevice
  beforeAll(async () => {
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      config: {
        'call-home': { 'initiation-timeout': '1s', 'handshake-timeout': '1s' },
        trust: { 'first-use': 'refuse' },
      },
    })
  })
  afterAll(() => attached?.stop())

  afterEach(async () => {
    const client = await login(attached.bridge, 'router1')
    const channel = await openNetconf(client)
    const echoed = once(channel, 'data')
    channel.write('still served')
    expect(String(await echoed)).toBe('still served')
    client.end()
  })

  async function dial(): Promise<Socket> {
    const socket = connect(attached.bridge.callHomePort, attached.bridge.host)
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'connect')
    return socket
  }

  async function refusalOf(stranger: Stranger, end = false) {
    const from = attached.bridge.lines.all.length
    const socket = await dial()
    // `once` of events would take the reset for a failure.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    for (const bytes of stranger) socket.write(bytes)
    if (end) socket.end()
    const refusal = await attached.bridge.logged(/^call refused/, {}, { from })
    await within(2_000, 'the bridge to close the connection', closed)
    return refusal
  }

  it.each<[string, Stranger, string]>([
    ['garbage', [Buffer.from(Array.from({ length: 20_000 }, (_, at) => (at * 7919) & 0xff))], 'initiation-too-long'],
    ['1 MB without a newline', [Buffer.alloc(1_000_000, 'x')], 'initiation-too-long'],
    [
      'an initiation sequence that stops half way',
      ['MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVI'],
      'initiation-timeout',
    ],
    ['nothing at all', [], 'initiation-timeout'],
    ['HTTP', ['GET / HTTP/1.1\r\nHost: bridge\r\n\r\n'], 'not-ssh'],
    ['a TLS ClientHello', [Buffer.from('16030100f8010000f40303', 'hex')], 'not-ssh'],
    ['an SSH server that never answers', ['SSH-2.0-silent\r\n'], 'handshake-timeout'],
    ['an SSH identification and then garbage', ['SSH-2.0-x\r\n', Buffer.alloc(64, 0xff)], 'handshake-failed'],
    ['SSH 1', ['SSH-1.5-old\r\n'], 'handshake-failed'],
    ['two device ids', ['DEVICE-ID: a\r\nDEVICE-ID: b\r\nSSH-2.0-x\r\n'], 'initiation-malformed'],
    ['a device id of 300 characters', [`DEVICE-ID: ${'r'.repeat(300)}\r\nSSH-2.0-x\r\n`], 'initiation-malformed'],
    ['a device id with control characters', ['DEVICE-ID: a\u001b[2Jb\r\nSSH-2.0-x\r\n'], 'initiation-malformed'],
    [
      'a device id that is not UTF-8',
      ['DEVICE-ID: ', Buffer.from([0xff, 0xfe]), '\r\nSSH-2.0-x\r\n'],
      'initiation-malformed',
    ],
    ['a HOST-KEY that is none', ['DEVICE-ID: a\r\nHOST-KEY: ssh-rsa !!!\r\nSSH-2.0-x\r\n'], 'initiation-malformed'],
    [
      'two Calix identities',
      ['<identity><mac>a</mac></identity><identity><mac>b</mac></identity>'],
      'initiation-malformed',
    ],
    ['a Calix identity without an id', ['<identity><model-name>E7</model-name></identity>'], 'initiation-malformed'],
  ])('%s', async (_name, stranger, reason) => {
    const refusal = await refusalOf(stranger)
    expect(refusal['reason']).toBe(reason)
    expect(refusal['hint']).not.toBe('')
  })

  it('a connection that is closed at once', async () => {
    expect((await refusalOf([], true))['reason']).toBe('sent-nothing')
  })

  it('a device that closes after key exchange', async () => {
    const from = attached.bridge.lines.all.length
    const server = new ssh2.Server({ hostKeys: [generatePrivateKey('ed25519', '')] }, (connection) => {
      connection.on('handshake', () => connection.end())
      connection.on('error', () => undefined)
    })
    const socket = await dial()
    socket.pause()
    server.injectSocket(socket)
    const refusal = await attached.bridge.logged(/^call refused/, {}, { from })
    expect(refusal['reason']).toMatch(/^(unknown-host-key|handshake-failed)$/)
  })

  it('more connections than may be in their handshake: those too many are closed, the others served', async () => {
    await attached.bridge.reload({
      ...JSON.parse(await readFile(`${attached.bridge.directory}/homeport.yaml`, 'utf8')),
      'call-home': { 'max-queued-handshakes': 2, 'initiation-timeout': '10s' },
    })
    const from = attached.bridge.lines.all.length
    const held = [await dial(), await dial()]
    const surplus = await dial()
    const refused = new Promise((resolve) => surplus.once('close', resolve))
    await attached.bridge.logged(/^call refused/, { reason: 'too-many-handshakes' }, { from })
    await refused
    for (const socket of held) socket.destroy()
    await attached.bridge.logged(/^call refused/, { reason: 'sent-nothing' }, { from })
  })

  it('a single octet at a time', async () => {
    const socket = await dial()
    const identified = once(socket, 'data')
    for (const byte of Buffer.from('MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\nSSH-2.0-slow\r\n'))
      await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
    expect(String(await identified)).toMatch(/^SSH-2\.0-/)
    socket.destroy()
  })
})
