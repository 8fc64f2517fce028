import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SimulatedDeviceOptions } from '../../src/simulator/device-options.js'
import { hostKeyOf, keptHostKey } from '../../src/simulator/host-key.js'
import { initiationHmac } from '../../src/simulator/initiation-sequence.js'
import { startSimulatedDevices } from '../../src/simulator/simulated-devices.js'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { logInOn, readUntil } from './support/bridge-stand-in.js'
import { beginCallHomeTest, type CallHomeTest, HOST_KEY, happens, session } from './support/call-home-test.js'
import { createManualClock } from './support/manual-clock.js'

let home: CallHomeTest
beforeEach(async () => {
  home = await beginCallHomeTest()
})
afterEach(() => home.end())

describe('what comes before SSH', () => {
  const beforeSsh = async (options: Partial<SimulatedDeviceOptions>) => {
    home.start(options)
    const text = await readUntil(await home.bridge.accept(), (read) => read.includes('SSH-2.0-'))
    return text.slice(0, text.indexOf('SSH-2.0-'))
  }

  test('the initiation sequence of Junos', async () => {
    expect(await beforeSsh({})).toBe('MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\n')
  })

  test('with a secret, host key and HMAC', async () => {
    const { publicLine } = hostKeyOf(HOST_KEY)
    expect(await beforeSsh({ secret: 's' })).toBe(
      `MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: router1\r\nHOST-KEY: ${publicLine}\0\r\nHMAC: ${initiationHmac('s', publicLine)}\r\n`,
    )
  })

  test('the HMAC is that of the documented example', () => {
    expect(initiationHmac('s3cret', 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB')).toBe(
      '316011e4df155a59594ea4076509852ffb863ddc',
    )
  })

  test.each([
    ['nothing, for RFC 8071', 'none' as const, ''],
    ["bytes of a test's own", Buffer.from('GARBAGE\r\n'), 'GARBAGE\r\n'],
  ])('%s', async (_what, preamble, expected) => {
    expect(await beforeSsh({ preamble })).toBe(expected)
  })

  test('Calix: an identity, and SSH only after its acknowledgement, in whatever pieces', async () => {
    home.start({ preamble: 'calix', id: 'CXNK<1>' })
    const socket = await home.bridge.accept()
    const identity = await readUntil(socket, (read) => read.includes('</identity>'))
    expect(identity).toMatch(
      /^<version>1<\/version><identity><mac>02(:[0-9a-f]{2}){5}<\/mac><serial-number>CXNK&lt;1&gt;<\/serial-number>/,
    )
    expect(identity).not.toContain('SSH-')
    socket.write('<ack>')
    socket.write('ok</ack>\n')
    const client = await logInOn(socket)
    expect((await (await session(client)).ask('<commit/>')).ok).toBe(true)
    client.end()
  })

  test('Calix: something else instead of the acknowledgement, and it hangs up', async () => {
    const device = home.start({ preamble: 'calix' })
    const lost = happens(device, 'connection-lost')
    ;(await home.bridge.accept()).write(Buffer.alloc(2000, 'x'))
    await lost
  })
})

describe('login', () => {
  test("the host key is the device's own", async () => {
    const device = home.start()
    const seen: Buffer[] = []
    const client = await home.bridge.logIn({ hostVerifier: (key: Buffer) => seen.push(key) > 0 })
    expect(`ssh-ed25519 ${seen[0]?.toString('base64')}`).toBe(device.hostPublicKey)
    expect(device.hostKeyFingerprint).toMatch(/^SHA256:[\w+/]{43}$/)
    client.end()
  })

  test('a wrong password or user is refused', async () => {
    const device = home.start()
    const refused = happens(device, 'authentication-failed')
    await expect(home.bridge.logIn({ password: 'wrong' })).rejects.toThrow(/authentication/)
    expect(await refused).toEqual({ method: 'password' })
    home.start({ id: 'other' })
    await expect(home.bridge.logIn({ username: 'root' })).rejects.toThrow(/authentication/)
  })

  test('a key that is authorized, and none other', async () => {
    const mine = generatePrivateKey('ed25519', 'mine')
    const device = home.start({ authorizedKeys: [hostKeyOf(mine).publicLine] })
    const how = happens(device, 'authenticated')
    const client = await home.bridge.logIn({ privateKey: mine, password: '' })
    expect(await how).toEqual({ method: 'publickey' })
    client.end()
    const other = generatePrivateKey('ed25519', 'other')
    home.start({ id: 'other', authorizedKeys: [hostKeyOf(mine).publicLine] })
    await expect(home.bridge.logIn({ privateKey: other, password: 'wrong' })).rejects.toThrow(/authentication/)
  })

  test('whoever does not log in in time is left', async () => {
    const clock = createManualClock()
    const device = home.start({ clock })
    await home.bridge.accept()
    await happens(device, 'dialled')
    const lost = happens(device, 'connection-lost')
    // Serving begins after the preamble was handed to the socket.
    await new Promise(setImmediate)
    clock.advance(120_000)
    await lost
  })
})

test('many devices in one process, each with its own name and key', async () => {
  const devices = startSimulatedDevices({
    count: 20,
    to: home.bridge.to,
    idPrefix: 'lab-',
    username: 'netconf',
    password: 'right',
    secret: 's-{id}',
    stagger: 1,
  })
  home.stopLater(devices)
  const clients = await Promise.all(devices.devices.map(() => home.bridge.logIn()))
  await devices.attached
  const names = await Promise.all(
    clients.map(async (client) => {
      const text = await (await session(client)).askText('<get-config><source><running/></source></get-config>')
      return /<hostname>(.*?)</.exec(text)?.[1]
    }),
  )
  expect(new Set(names)).toEqual(new Set(devices.devices.map((device) => device.id)))
  expect(new Set(devices.devices.map((device) => device.hostPublicKey)).size).toBe(20)
  for (const client of clients) client.end()
})

test('a kept host key is the same next time, and readable by its owner alone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'homeport-keys-'))
  try {
    const first = await keptHostKey(join(directory, 'keys'), 'a/../b')
    expect(await keptHostKey(join(directory, 'keys'), 'a/../b')).toBe(first)
    expect((await stat(join(directory, 'keys', 'a%2F..%2Fb.key'))).mode & 0o777).toBe(0o600)
    expect(() => hostKeyOf('no key')).toThrow(/host key/)
  } finally {
    await rm(directory, { recursive: true })
  }
})
