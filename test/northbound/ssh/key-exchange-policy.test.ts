import { describe, expect, it } from 'vitest'
import { createKeyExchangePolicy, type MinimumKeyExchange } from '../../../src/northbound/ssh/key-exchange-policy.js'
import { offeredAlgorithms } from '../../../src/ssh/algorithms.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { offerHybrid } from '../../../src/ssh/hybrid-secret.js'
import { mlKem768 } from '../../../src/ssh/kem/ml-kem.js'
import { acceptClient } from '../../../src/ssh/ssh2/certificates.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import { sshString } from '../../../src/ssh/wire.js'
import { createWireReader } from '../../../src/ssh/wire-reader.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { openSocketPair } from '../../southbound/support/socket-pair.js'
import { ecdhInit, kexInit, MESSAGE, newEphemeral, rawPeer } from '../../ssh/support/raw-peer.js'

const own = endAfterEach()
const hostKey = generatePrivateKey('ed25519', 'test')

/** A raw client of a server with the policy. */
async function connect(minimum: MinimumKeyExchange) {
  const { device: far, bridge: near } = own(await openSocketPair())
  const policy = createKeyExchangePolicy(() => minimum)
  const refused: string[] = []
  const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: offeredAlgorithms('server') })
  server.on('connection', (connection) => {
    acceptClient(connection, { objectTo: policy.objectTo(({ message }) => refused.push(message)) })
    connection.on('error', () => undefined)
  })
  server.injectSocket(near)
  return { peer: rawPeer(far), refused }
}

function wordsOf(disconnect: Buffer): readonly [number, string] {
  const reader = createWireReader(disconnect.subarray(1))
  return [reader.uint32(), reader.text()]
}

describe('where post-quantum key exchange is wanted', () => {
  it.each([
    ['it knows nothing else', ['curve25519-sha256']],
    ['it likes that better', ['curve25519-sha256', 'mlkem768x25519-sha256', 'sntrup761x25519-sha512']],
  ])('a client with a classical one is told why, and nothing is computed, whether %s', async (_why, kex) => {
    const { peer, refused } = await connect('post-quantum')
    peer.send(kexInit({ kex }), ecdhInit(newEphemeral()))
    const [reason, words] = wordsOf(await peer.received(MESSAGE.disconnect))
    expect(reason).toBe(3)
    expect(words).toMatch(/^homeport: post-quantum key exchange is wanted here, and yours would be curve25519-sha256/)
    await peer.closed
    expect(peer.packets.map(([type]) => type)).not.toContain(MESSAGE.ecdhReply)
    expect(refused).toEqual(['its key exchange would be curve25519-sha256, which is not post-quantum'])
  })

  it('a guess of the first packet changes nothing', async () => {
    const { peer, refused } = await connect('post-quantum')
    peer.send(kexInit({ kex: ['ecdh-sha2-nistp256'], follows: true }), ecdhInit(newEphemeral()))
    await peer.received(MESSAGE.disconnect)
    expect(refused).toHaveLength(1)
  })

  it('a client with a hybrid is answered', async () => {
    const { peer, refused } = await connect('post-quantum')
    const { init } = offerHybrid(mlKem768, 'sha256')
    peer.send(
      kexInit({ kex: ['mlkem768x25519-sha256'] }),
      Buffer.concat([Buffer.of(MESSAGE.ecdhInit), sshString(init)]),
    )
    await peer.received(MESSAGE.ecdhReply)
    expect(refused).toEqual([])
  })
})

it('a classical client is answered where that is enough', async () => {
  const { peer, refused } = await connect('classical')
  peer.send(kexInit(), ecdhInit(newEphemeral()))
  await peer.received(MESSAGE.ecdhReply)
  expect(refused).toEqual([])
})
