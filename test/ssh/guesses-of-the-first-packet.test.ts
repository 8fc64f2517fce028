import { once } from 'node:events'
import type { Algorithms } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { offeredAlgorithms } from '../../src/ssh/algorithms.js'
import { generatePrivateKey } from '../../src/ssh/generate-private-key.js'
import { acceptClient, connectClient } from '../../src/ssh/ssh2/certificates.js'
import { ssh2 } from '../../src/ssh/ssh2/load.js'
import { sshString } from '../../src/ssh/wire.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { openSocketPair } from '../southbound/support/socket-pair.js'
import {
  answeredBy,
  ecdhInit,
  kexInit,
  MESSAGE,
  newEphemeral,
  newRawHostKey,
  type Offer,
  rawPeer,
} from './support/raw-peer.js'

const own = endAfterEach()
const hostKey = generatePrivateKey('ed25519', 'test')

/** The bridge as one that likes the key exchange best of which a raw peer can send the first packet. */
const liked = { kex: ['curve25519-sha256', 'ecdh-sha2-nistp256'] } satisfies Algorithms

/** A packet that no key exchange can be made of. */
const useless = Buffer.concat([Buffer.from([MESSAGE.ecdhInit]), sshString('useless')])

/** Each differs from what the bridge likes best: in the key exchange, in the host key, in both. */
const wrong: readonly [string, Offer][] = [
  ['the key exchange', { kex: ['unknown', 'curve25519-sha256'], follows: true }],
  ['the host key algorithm', { hostKey: ['unknown', 'ssh-ed25519'], follows: true }],
  ['both', { kex: ['unknown', 'curve25519-sha256'], hostKey: ['unknown', 'ssh-ed25519'], follows: true }],
]

describe('a client that sends the first packet of key exchange on a guess', () => {
  async function connect() {
    const { device: far, bridge: near } = own(await openSocketPair())
    const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: { ...offeredAlgorithms('server'), ...liked } })
    server.on('connection', (connection) => {
      acceptClient(connection)
      connection.on('error', () => undefined)
    })
    server.injectSocket(near)
    return rawPeer(far)
  }

  it('is answered to that packet if it has guessed right', async () => {
    const peer = await connect()
    peer.send(kexInit({ follows: true }), ecdhInit(newEphemeral()))
    await peer.received(MESSAGE.ecdhReply)
  })

  it.each(wrong)('is answered to the next one if it has guessed wrong: %s', async (_what, offer) => {
    const peer = await connect()
    peer.send(kexInit(offer), useless, ecdhInit(newEphemeral()))
    await peer.received(MESSAGE.ecdhReply)
  })

  it('is refused if it has guessed right and the packet is useless', async () => {
    const peer = await connect()
    peer.send(kexInit({ follows: true }), useless, ecdhInit(newEphemeral()))
    await peer.received(MESSAGE.disconnect)
    expect(peer.packets.map(([type]) => type)).not.toContain(MESSAGE.ecdhReply)
  })
})

describe('a server that says that a packet follows', () => {
  async function connect() {
    const { device: far, bridge: near } = own(await openSocketPair())
    const client = new ssh2.Client()
    client.on('error', () => undefined)
    const verified = once(client, 'verified')
    connectClient(client, {
      sock: near,
      username: 'any',
      readyTimeout: 0,
      algorithms: { ...offeredAlgorithms('client'), ...liked, serverHostKey: ['ssh-ed25519'] },
      hostVerifier: (key: Buffer) => {
        client.emit('verified', key)
        return true
      },
    })
    return { peer: rawPeer(far), verified }
  }

  it('is heard from that packet on if it has guessed right', async () => {
    const { peer, verified } = await connect()
    const key = newRawHostKey()
    peer.send(await answeredBy(peer, key, { offer: { follows: true } }))
    expect(await verified).toEqual([key.blob])
  })

  it.each(wrong)('is heard from the next one on if it has guessed wrong: %s', async (_what, offer) => {
    const { peer, verified } = await connect()
    const key = newRawHostKey()
    peer.send(await answeredBy(peer, key, { offer, guess: [useless] }))
    expect(await verified).toEqual([key.blob])
  })
})
