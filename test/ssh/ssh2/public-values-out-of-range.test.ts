import { createDiffieHellmanGroup } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { offeredAlgorithms } from '../../../src/ssh/algorithms.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { acceptClient } from '../../../src/ssh/ssh2/certificates.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import { sshMpint, sshString } from '../../../src/ssh/wire.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { openSocketPair } from '../../southbound/support/socket-pair.js'
import { kexInit, MESSAGE, type RawPeer, rawPeer } from '../support/raw-peer.js'

const own = endAfterEach()
const hostKey = generatePrivateKey('ed25519', 'test')
const dh = createDiffieHellmanGroup('modp14')
dh.generateKeys()
const prime = dh.getPrime()
const primeLess = (less: number): Buffer =>
  Buffer.concat([prime.subarray(0, -1), Buffer.from([(prime.at(-1) ?? 0) - less])])

/**
 * The greatest value that some key has: as the prime is safe, p - n is one where n is no square, and newer releases of
 * OpenSSL refuse the others.
 */
function greatest(): Buffer {
  const p = BigInt(`0x${prime.toString('hex')}`)
  const isSquare = (n: bigint): boolean => power(n, (p - 1n) / 2n, p) === 1n
  let less = 2n
  while (isSquare(less)) less += 1n
  return Buffer.from((p - less).toString(16), 'hex')
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus
    if (bit === '1') result = (result * base) % modulus
  }
  return result
}

/** Sends a public value for group14 to a server. */
async function send(value: Buffer): Promise<RawPeer> {
  const { device: far, bridge: near } = own(await openSocketPair())
  const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: offeredAlgorithms('server') })
  server.on('connection', (connection) => {
    acceptClient(connection)
    connection.on('error', () => undefined)
  })
  server.injectSocket(near)
  const peer = rawPeer(far)
  peer.send(kexInit({ kex: ['diffie-hellman-group14-sha256'] }), Buffer.concat([Buffer.from([30]), value]))
  return peer
}

describe('a public value of Diffie-Hellman', () => {
  it.each([
    ['nothing', sshString('')],
    ['0', sshString(Buffer.from([0]))],
    ['1', sshMpint(Buffer.from([1]))],
    ['1 behind many zeros', sshString(Buffer.concat([Buffer.alloc(300), Buffer.from([1])]))],
    ['p - 1', sshMpint(primeLess(1))],
    ['p', sshMpint(prime)],
    ['longer than p', sshMpint(Buffer.concat([Buffer.from([1]), prime]))],
    ['as long as a packet', sshMpint(Buffer.alloc(34_000, 0x7f))],
  ])('is refused out of its range: %s', async (_what, value) => {
    const peer = await send(value)
    await peer.received(MESSAGE.disconnect)
    expect(peer.packets.map(([type]) => type)).not.toContain(MESSAGE.ecdhReply)
  })

  it.each([
    ['2', sshMpint(Buffer.from([2]))],
    ['the greatest', sshMpint(greatest())],
    ['an ordinary one', sshMpint(dh.getPublicKey())],
  ])('is taken within it: %s', async (_what, value) => {
    const peer = await send(value)
    await peer.received(MESSAGE.ecdhReply)
  })
})
