import { once } from 'node:events'
import type { ParsedKey } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { connectClient } from '../../src/ssh/ssh2/certificates.js'
import { HOST_KEY_SIGNATURE } from '../../src/ssh/ssh2/key-exchange.js'
import { ssh2 } from '../../src/ssh/ssh2/load.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { openSocketPair } from '../southbound/support/socket-pair.js'
import { rekey } from './support/ssh-pair.js'

const own = endAfterEach()

function newKey(): ParsedKey {
  const parsed = ssh2.utils.parseKey(generatePrivateKey('ed25519', 'test'))
  if (parsed instanceof Error) throw parsed
  return parsed
}

/** A key that is presented as one and signs as another. */
const stolen = (presented: ParsedKey, signer: ParsedKey): ParsedKey =>
  Object.assign(Object.create(signer) as ParsedKey, { getPublicSSH: () => presented.getPublicSSH() })

/**
 * A client that has logged in, and what it was asked about host keys; `present` changes what the server presents from
 * now on.
 */
async function connect(kex: 'curve25519-sha256' | 'diffie-hellman-group14-sha256') {
  const { device: far, bridge: near } = own(await openSocketPair())
  const key = newKey()
  const server = new ssh2.Server({ hostKeys: [{ key: key as unknown as Buffer }] })
  const connected = once(server, 'connection')
  server.on('connection', (connection) => {
    connection.on('error', () => undefined)
    connection.on('authentication', (context) => context.accept())
  })
  server.injectSocket(far)
  const client = new ssh2.Client()
  const asked: Buffer[] = []
  const ready = once(client, 'ready')
  connectClient(client, {
    sock: near,
    username: 'any',
    password: 'any',
    algorithms: { kex: [kex] },
    hostVerifier: (shown: Buffer) => {
      asked.push(Buffer.from(shown))
      return true
    },
  })
  await ready
  const [connection] = (await connected) as [{ _protocol: { _hostKeys: Record<string, ParsedKey> } }]
  const present = (next: ParsedKey): void => {
    connection._protocol._hostKeys['ssh-ed25519'] = next
  }
  return { client, key, asked, present }
}

describe.each(['curve25519-sha256', 'diffie-hellman-group14-sha256'] as const)(
  'in a later key exchange by %s',
  (kex) => {
    it('a key whose signature holds is asked about, and the connection goes on', async () => {
      const { client, key, asked } = await connect(kex)
      for (let exchanges = 2; exchanges < 5; exchanges += 1) {
        const over = once(client, 'handshake')
        rekey(client)
        await over
        expect(asked).toEqual(Array.from({ length: exchanges }, () => key.getPublicSSH()))
      }
    })

    it.each(['the same', 'another'])('a key that the server does not hold is not: %s as before', async (which) => {
      const { client, key, asked, present } = await connect(kex)
      present(stolen(which === 'the same' ? key : newKey(), newKey()))
      const failed = new Promise<Error & { level?: string }>((resolve) => client.on('error', resolve))
      rekey(client)
      expect(await failed).toMatchObject({ level: HOST_KEY_SIGNATURE })
      expect(asked).toEqual([key.getPublicSSH()])
    })
  },
)
