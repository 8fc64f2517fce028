import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { requireSsh2 } from '../../../src/ssh/ssh2/load.js'
import { type Ciphers, writeWholePackets } from '../../../src/ssh/ssh2/whole-packets.js'

interface Cipher {
  readonly allocPacket: (size: number) => Buffer
  readonly encrypt: (packet: Buffer) => void
  readonly free: () => void
}

interface CipherInfo {
  readonly keyLen: number
  readonly ivLen: number
}

const ciphers = requireSsh2('ssh2/lib/protocol/crypto.js') as {
  readonly CIPHER_INFO: Readonly<Record<string, CipherInfo>>
  readonly MAC_INFO: Readonly<Record<string, object>>
  readonly createCipher: Ciphers['createCipher']
  readonly createDecipher: (config: object) => {
    readonly decrypt: (data: Buffer, start: number, end: number) => unknown
  }
  readonly init: Promise<void>
}
await ciphers.init

/** As they are where no addon is there: `forceNative` is ssh2's own word for that. */
const mended: Ciphers = { createCipher: ciphers.createCipher }
writeWholePackets(mended)

const PAYLOADS = [1, 20, 300, 32_000].map((length) => randomBytes(length))

describe.each([
  ['chacha20-poly1305@openssh.com', 'hmac-sha2-256'],
  ['aes256-gcm@openssh.com', 'hmac-sha2-256'],
  ['aes128-ctr', 'hmac-sha2-256'],
  ['aes128-ctr', 'hmac-sha2-512-etm@openssh.com'],
  ['aes128-cbc', 'hmac-sha1'],
])('packets of %s and %s in JavaScript', (name, mac) => {
  it('are written whole, and read', () => {
    const written: Buffer[] = []
    const side = connection(name, mac, (packet) => void written.push(packet))
    for (const payload of PAYLOADS) side.send(payload)
    expect(written).toHaveLength(PAYLOADS.length)
    for (const packet of written) side.receive(packet)
    expect(side.received).toEqual(PAYLOADS)
  })

  it('are read where each is sent inside another connection', () => {
    const written: Buffer[] = []
    const outer = connection(name, mac, (packet) => void written.push(packet))
    const inner = connection(name, mac, (packet) => outer.send(packet))
    for (const payload of PAYLOADS.slice(0, 3)) inner.send(payload)
    for (const packet of written) outer.receive(packet)
    for (const packet of outer.received) inner.receive(packet)
    expect(inner.received).toEqual(PAYLOADS.slice(0, 3))
  })

  it('are not written once the connection is over', () => {
    const written: Buffer[] = []
    const side = connection(name, mac, (packet) => void written.push(packet))
    side.free()
    side.send(PAYLOADS[0] ?? Buffer.alloc(0))
    expect(written).toEqual([])
  })
})

function connection(name: string, mac: string, onWrite: (packet: Buffer) => void) {
  const cipherInfo = ciphers.CIPHER_INFO[name]
  if (cipherInfo === undefined) throw new Error(`ssh2 has no ${name}`)
  const macInfo = ciphers.MAC_INFO[mac] as { readonly len: number }
  const key = randomBytes(cipherInfo.keyLen)
  const iv = randomBytes(cipherInfo.ivLen)
  const macKey = randomBytes(macInfo.len)
  const outbound = {
    seqno: 7,
    onWrite,
    forceNative: true,
    cipherInfo,
    cipherKey: key,
    cipherIV: Buffer.from(iv),
    macInfo,
    macKey,
  }
  const cipher = mended.createCipher({ outbound }) as unknown as Cipher
  const received: Buffer[] = []
  const decipher = ciphers.createDecipher({
    inbound: {
      seqno: 7,
      onPayload: (payload: Buffer) => void received.push(Buffer.from(payload)),
      forceNative: true,
      decipherInfo: cipherInfo,
      decipherKey: key,
      decipherIV: Buffer.from(iv),
      macInfo,
      macKey,
    },
  })
  return {
    received: received as readonly Buffer[],
    /** As ssh2 does it: the payload into a packet that the cipher has made room for. */
    send: (payload: Buffer): void => {
      const packet = cipher.allocPacket(payload.length)
      packet.set(payload, 5)
      cipher.encrypt(packet)
    },
    receive: (packet: Buffer): void => void decipher.decrypt(packet, 0, packet.length),
    free: (): void => cipher.free(),
  }
}
