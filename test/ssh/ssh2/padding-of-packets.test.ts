import { randomFillSync } from 'node:crypto'
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { requireSsh2 } from '../../../src/ssh/ssh2/load.js'

const { CIPHER_INFO, MAC_INFO, createCipher } = requireSsh2('ssh2/lib/protocol/crypto.js') as {
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number; readonly ivLen: number }>>
  readonly MAC_INFO: Readonly<Record<string, object>>
  readonly createCipher: (config: object) => { readonly allocPacket: (size: number) => Buffer }
}

it.each(['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'])(
  'the padding of %s is random',
  (name) => {
    const cipherInfo = CIPHER_INFO[name] ?? { keyLen: 0, ivLen: 0 }
    const cipher = createCipher({
      outbound: {
        seqno: 0,
        onWrite: () => undefined,
        cipherInfo,
        cipherKey: Buffer.alloc(cipherInfo.keyLen),
        cipherIV: Buffer.alloc(cipherInfo.ivLen),
        macInfo: MAC_INFO['hmac-sha2-256'],
        macKey: Buffer.alloc(32),
      },
    })
    const seen = new Set<string>()
    for (let n = 0; n < 2000; n += 1) {
      const packet = cipher.allocPacket(20)
      const padding = packet[4] ?? 0
      expect(padding).toBeGreaterThanOrEqual(4)
      seen.add(packet.toString('hex', 25, 25 + padding))
    }
    // Four bytes may meet by chance.
    expect(seen.size).toBeGreaterThan(1990)
  },
)

it('everybody else’s random octets are what they were', () => {
  const crypto = createRequire(import.meta.url)('node:crypto') as { readonly randomFillSync: unknown }
  expect(crypto.randomFillSync).toBe(randomFillSync)
})
