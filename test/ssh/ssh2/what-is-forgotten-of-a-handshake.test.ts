import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { forgetKeyExchange, forgetLogin } from '../../../src/ssh/ssh2/memory.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { openSshPair, rekey, type SshPair } from '../support/ssh-pair.js'

const own = endAfterEach()

const exchangeKeys = ['ecdh-sha2-nistp256', 'diffie-hellman-group14-sha256', 'curve25519-sha256@libssh.org'] as const
const ciphers = ['aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr'] as const

interface Remains {
  readonly _protocol: {
    readonly _offer: object
    readonly _kex: { readonly _keys?: unknown; readonly _dh?: unknown }
    readonly _handlers: Readonly<Record<string, unknown>>
  }
}
const remainsOf = ({ client }: SshPair) => (client as unknown as Remains)._protocol

async function heardOf({ open }: SshPair, text: string): Promise<string> {
  const { server, client } = await open()
  const heard = once(server, 'data')
  client.write(text)
  return String(await heard)
}

describe('a connection that forgot its handshake', () => {
  it.each(exchangeKeys.map((kex, at) => [kex, ciphers[at]] as const))(
    'goes on after %s with %s, through further key exchanges from either side',
    async (kex, cipher) => {
      const algorithms = { kex: [kex], ...(cipher === undefined ? {} : { cipher: [cipher] }) }
      const pair = own(await openSshPair({ connect: () => ({ algorithms }) }))
      for (const side of [pair.client, pair.connection, pair.client]) {
        forgetKeyExchange(pair.client)
        forgetLogin(pair.client)
        const { _kex: exchange } = remainsOf(pair)
        expect([exchange._keys ?? null, exchange._dh ?? null]).toEqual([null, null])
        expect(await heardOf(pair, 'before')).toBe('before')
        const exchanged = once(pair.client, 'handshake')
        rekey(side)
        await exchanged
        expect(await heardOf(pair, 'after')).toBe('after')
      }
    },
  )

  it('shares its offer with others that offer the same, and with no others', async () => {
    const alike = [{ cipher: [ciphers[0]] }, { cipher: [ciphers[0]] }, { cipher: [ciphers[1]] }]
    const pairs = await Promise.all(
      alike.map(async (algorithms) => own(await openSshPair({ connect: () => ({ algorithms }) }))),
    )
    for (const { client } of pairs) forgetLogin(client)
    const [first, second, other] = pairs.map((pair) => remainsOf(pair)._offer)
    expect(second).toBe(first)
    expect(other).not.toBe(first)
  })

  it('keeps a key exchange that is under way', async () => {
    const pair = own(await openSshPair())
    const exchanged = once(pair.client, 'handshake')
    rekey(pair.client)
    const during = pair.client as unknown as { _protocol: { _kexinit: unknown } }
    expect(during._protocol._kexinit).toBeDefined()
    forgetKeyExchange(pair.client)
    await exchanged
    expect(await heardOf(pair, 'after')).toBe('after')
  })
})
