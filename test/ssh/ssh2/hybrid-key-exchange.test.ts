import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Algorithms, Client, Connection, KexAlgorithm } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { offeredAlgorithms } from '../../../src/ssh/algorithms.js'
import { generatePrivateKey } from '../../../src/ssh/generate-private-key.js'
import { answerHybrid, offerHybrid } from '../../../src/ssh/hybrid-secret.js'
import { mlKem768 } from '../../../src/ssh/kem/ml-kem.js'
import { acceptClient, connectClient } from '../../../src/ssh/ssh2/certificates.js'
import { inside } from '../../../src/ssh/ssh2/internals.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import { forgetKeyExchange, forgetLogin } from '../../../src/ssh/ssh2/memory.js'
import { sshString } from '../../../src/ssh/wire.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { openSocketPair } from '../../southbound/support/socket-pair.js'
import { answeredBy, kexInit, MESSAGE, newRawHostKey, type RawPeer, rawPeer } from '../support/raw-peer.js'
import { openSshPair, rekey, type SshPair } from '../support/ssh-pair.js'

const own = endAfterEach()
const ML_KEM = 'mlkem768x25519-sha256'
const CLASSICAL = 'curve25519-sha256'

/** The types of ssh2 do not know the hybrids. */
const only = (...kex: readonly string[]): Algorithms => ({ kex: kex as KexAlgorithm[] })

const openPair = (client: readonly string[], server: readonly string[]): Promise<SshPair> =>
  openSshPair({
    algorithms: only(...server),
    onConnection: acceptClient,
    connect: () => ({ algorithms: { ...only(...client), serverHostKey: ['ssh-ed25519'] } }),
    connectBy: connectClient,
  })

const agreedBy = (side: Client | Connection): string | undefined => inside(side)._protocol._kex?.negotiated.kex

async function heardOf({ open }: SshPair, text: string): Promise<string> {
  const { server, client } = await open()
  const heard = once(server, 'data')
  client.write(text)
  return String(await heard)
}

describe('both sides agree on', () => {
  it.each([
    ['the hybrid where both like it best', [ML_KEM, CLASSICAL], [ML_KEM, CLASSICAL], ML_KEM],
    ['the hybrid where the server likes another better', [ML_KEM, CLASSICAL], [CLASSICAL, ML_KEM], ML_KEM],
    ['the hybrid where there is nothing else', [ML_KEM], [ML_KEM], ML_KEM],
    ['what the client likes better', [CLASSICAL, ML_KEM], [ML_KEM, CLASSICAL], CLASSICAL],
    ['what the client alone knows besides', [ML_KEM, CLASSICAL], [CLASSICAL], CLASSICAL],
    ['what the server alone knows besides', [CLASSICAL], [ML_KEM, CLASSICAL], CLASSICAL],
    [
      'another one that the server offers first',
      ['ecdh-sha2-nistp256'],
      [ML_KEM, 'ecdh-sha2-nistp256'],
      'ecdh-sha2-nistp256',
    ],
  ])('%s', async (_what, client, server, agreed) => {
    const pair = own(await openPair(client, server))
    expect([agreedBy(pair.client), agreedBy(pair.connection)]).toEqual([agreed, agreed])
    expect(await heardOf(pair, 'some words')).toBe('some words')
  })

  it('nothing where the one knows the hybrid alone and the other does not', async () => {
    await expect(openPair([ML_KEM], [CLASSICAL])).rejects.toThrow('no matching key exchange algorithm')
    await expect(openPair([CLASSICAL], [ML_KEM])).rejects.toThrow('no matching key exchange algorithm')
  })
})

describe('a connection by the hybrid', () => {
  it.each(['client', 'server', 'both'] as const)('goes on when keys are exchanged anew by %s', async (side) => {
    const pair = own(await openPair([ML_KEM, CLASSICAL], [ML_KEM, CLASSICAL]))
    const sessions = [pair.client, pair.connection].map((end) => inside(end)._protocol._kex?.sessionID.toString('hex'))
    for (let round = 0; round < 10; round += 1) {
      forgetKeyExchange(pair.client)
      forgetLogin(pair.client)
      const exchanged = Promise.all([once(pair.client, 'handshake'), once(pair.connection, 'handshake')])
      if (side !== 'server') rekey(pair.client)
      if (side !== 'client') rekey(pair.connection)
      await exchanged
      expect(await heardOf(pair, `round ${round}`)).toBe(`round ${round}`)
      expect([agreedBy(pair.client), agreedBy(pair.connection)]).toEqual([ML_KEM, ML_KEM])
    }
    const after = [pair.client, pair.connection].map((end) => inside(end)._protocol._kex?.sessionID.toString('hex'))
    expect(after).toEqual(sessions)
  })

  it('is as strict as OpenSSH wants it (kex-strict)', async () => {
    const pair = own(await openPair([ML_KEM], [ML_KEM]))
    for (const side of [pair.client, pair.connection])
      expect((inside(side)._protocol as unknown as { readonly _strictMode: boolean })._strictMode).toBe(true)
  })

  it('keeps nothing of the exchange that is worth a secret or a kilobyte', async () => {
    const pair = own(await openPair([ML_KEM], [ML_KEM]))
    for (const side of [pair.client, pair.connection])
      expect(inside(side)._protocol._kex?.getPublicKey()).toHaveLength(0)
  })

  it('leaves the offer that all connections share as it was', async () => {
    const pair = own(await openPair([ML_KEM, CLASSICAL], [ML_KEM, CLASSICAL]))
    for (const side of [pair.client, pair.connection])
      expect(inside(side)._protocol._offer.lists.kex.array.slice(0, 2)).toEqual([ML_KEM, CLASSICAL])
  })
})

const hostKey = generatePrivateKey('ed25519', 'test')

/** A raw client of an endpoint that offers what the bridge does. */
async function asClient(): Promise<RawPeer & { readonly failures: string[] }> {
  const { device: far, bridge: near } = own(await openSocketPair())
  const failures: string[] = []
  const server = new ssh2.Server({ hostKeys: [hostKey], algorithms: offeredAlgorithms('server') })
  server.on('connection', (connection) => {
    acceptClient(connection)
    connection.on('error', ({ message }: Error) => failures.push(message))
  })
  server.injectSocket(near)
  return { ...rawPeer(far), failures }
}

const initOf = (value: Buffer): Buffer => Buffer.concat([Buffer.from([MESSAGE.ecdhInit]), sshString(value)])
const honest = (): Buffer => offerHybrid(mlKem768, 'sha256').init
const [PUBLIC_KEY, CIPHERTEXT, POINT] = [1184, 1088, 32] as const

/** Points of X25519 whose secret is zero whatever the other side's key is (RFC 7748 §6.1). */
const LOW_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].map((hex) => Buffer.from(hex, 'hex'))

const lowOrder = (kemPart: () => Buffer): readonly (readonly [string, () => Buffer, string])[] =>
  LOW_ORDER.map((point, at) => [`point of low order ${at + 1}`, () => Buffer.concat([kemPart(), point]), 'low order'])

const wrongLengths = (right: number): readonly (readonly [string, () => Buffer, string])[] =>
  [0, 1, POINT, right - POINT, right - 1, right + 1, 2 * right, 30_000].map((bytes) => [
    `${bytes} bytes`,
    () => randomBytes(bytes),
    `it has ${bytes} bytes instead of ${right}`,
  ])

describe("a client's half that is refused", () => {
  it.each([
    ...wrongLengths(PUBLIC_KEY + POINT),
    ['nothing but zeros', () => Buffer.alloc(PUBLIC_KEY + POINT), 'low order'],
    ['nothing but ones', () => Buffer.alloc(PUBLIC_KEY + POINT, 0xff), 'no public key of ML-KEM'],
    [
      'a coefficient out of the modulus',
      () => Buffer.concat([Buffer.from([0x01, 0x0d]), honest().subarray(2)]),
      'no public key of ML-KEM',
    ],
    [
      'a last coefficient out of the modulus',
      () => {
        const init = honest()
        init.fill(0xff, PUBLIC_KEY - 34, PUBLIC_KEY - 32)
        return init
      },
      'no public key of ML-KEM',
    ],
    ['a key and a point in the wrong order', () => swapped(honest(), PUBLIC_KEY), 'no public key of ML-KEM'],
    ...lowOrder(() => honest().subarray(0, PUBLIC_KEY)),
  ] as const)('%s', async (_what, init, words) => {
    const peer = await asClient()
    peer.send(kexInit({ kex: [ML_KEM] }), initOf(init()))
    const disconnect = await peer.received(MESSAGE.disconnect)
    expect(disconnect.readUInt32BE(1)).toBe(3)
    expect(peer.packets.map(([type]) => type)).not.toContain(MESSAGE.ecdhReply)
    expect(peer.failures[0]).toContain(words)
    expect(peer.failures[0]).toContain(ML_KEM)
  })

  it('none where it is right', async () => {
    const peer = await asClient()
    peer.send(kexInit({ kex: [ML_KEM] }), initOf(honest()))
    await peer.received(MESSAGE.ecdhReply)
    expect(peer.failures).toEqual([])
  })

  it('one whose packet is cut off', async () => {
    const peer = await asClient()
    peer.send(kexInit({ kex: [ML_KEM] }), initOf(honest()).subarray(0, 1000))
    await peer.received(MESSAGE.disconnect)
  })

  it('a second one', async () => {
    const peer = await asClient()
    peer.send(kexInit({ kex: [ML_KEM] }), initOf(honest()), initOf(honest()))
    await peer.received(MESSAGE.disconnect)
  })

  it('one after a second KEXINIT', async () => {
    const peer = await asClient()
    peer.send(kexInit({ kex: [ML_KEM] }), kexInit({ kex: [ML_KEM] }), initOf(honest()))
    await peer.received(MESSAGE.disconnect)
    expect(peer.packets.map(([type]) => type)).not.toContain(MESSAGE.ecdhReply)
  })
})

describe('a guess of the first packet', () => {
  const wrong = initOf(Buffer.from('useless'))

  it('counts where the hybrid is what both like best', async () => {
    const peer = await asClient()
    peer.send(kexInit({ kex: [ML_KEM], follows: true }), initOf(honest()))
    await peer.received(MESSAGE.ecdhReply)
  })

  it.each([['unknown', ML_KEM], [CLASSICAL]])('is passed over where the client likes %s best', async (...kex) => {
    const peer = await asClient()
    peer.send(kexInit({ kex, follows: true }), wrong)
    const init = kex.includes(ML_KEM) ? honest() : offerHybrid(mlKem768, 'sha256').init.subarray(PUBLIC_KEY)
    peer.send(initOf(init))
    await peer.received(MESSAGE.ecdhReply)
  })
})

it.each([
  ['nothing after the cookie', (whole: Buffer) => whole.subarray(0, 17)],
  ['half a length', (whole: Buffer) => whole.subarray(0, 19)],
  ['half a list', (whole: Buffer) => whole.subarray(0, 30)],
  ['no list after the first', (whole: Buffer) => whole.subarray(0, 17 + 4 + ML_KEM.length)],
  ['a number and no more', (whole: Buffer) => whole.subarray(0, 1)],
])('a KEXINIT with the hybrid and %s is refused', async (_what, cut) => {
  const peer = await asClient()
  peer.send(cut(kexInit({ kex: [ML_KEM] })))
  await peer.received(MESSAGE.disconnect)
})

it('a client that sends no more than its KEXINIT gets no answer and does no harm', async () => {
  const peer = await asClient()
  peer.send(kexInit({ kex: [ML_KEM] }))
  await peer.received(MESSAGE.kexInit)
  peer.socket.destroy()
  await peer.closed
})

/** The bridge as the client of a raw server. */
async function asServer() {
  const { device: far, bridge: near } = own(await openSocketPair())
  const client = new ssh2.Client()
  const failed = once(client, 'error') as Promise<[Error]>
  const judged: Buffer[] = []
  connectClient(client, {
    sock: near,
    username: 'any',
    readyTimeout: 0,
    algorithms: { ...offeredAlgorithms('client'), serverHostKey: ['ssh-ed25519'] },
    hostVerifier: (key: Buffer) => {
      judged.push(key)
      return true
    },
  })
  return { peer: rawPeer(far), failed, judged, ended: once(near, 'close') }
}

const replyOf = (value: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([MESSAGE.ecdhReply]),
    sshString(newRawHostKey().blob),
    sshString(value),
    sshString(Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(64))])),
  ])

describe("a server's half that is refused", () => {
  it.each([
    ...wrongLengths(CIPHERTEXT + POINT),
    ['nothing but zeros', () => Buffer.alloc(CIPHERTEXT + POINT), 'low order'],
    // Whatever is decapsulated gives a secret, and a signature over it is one by somebody who knows it.
    ['nothing but ones', () => Buffer.alloc(CIPHERTEXT + POINT, 0xff), 'signature verification failed'],
    ['noise', () => randomBytes(CIPHERTEXT + POINT), 'signature verification failed'],
    ...lowOrder(() => randomBytes(CIPHERTEXT)),
  ] as const)('%s', async (_what, reply, words) => {
    const { peer, failed, judged } = await asServer()
    await peer.theirIdentification()
    peer.send(kexInit({ kex: [ML_KEM] }))
    const init = await peer.received(MESSAGE.ecdhInit)
    expect(init).toHaveLength(5 + PUBLIC_KEY + POINT)
    peer.send(replyOf(reply()))
    expect((await failed)[0].message).toContain(words)
    expect(judged).toEqual([])
  })

  it('one that is of the classical exchange', async () => {
    const { peer, failed } = await asServer()
    const theirs = await peer.theirIdentification()
    expect(theirs).toContain('SSH-2.0')
    peer.send(kexInit({ kex: [ML_KEM] }), replyOf(randomBytes(POINT)))
    expect((await failed)[0].message).toContain(`it has ${POINT} bytes`)
  })
})

it('a classical server is answered classically, whatever the bridge likes best', async () => {
  const { peer, judged } = await asServer()
  const key = newRawHostKey()
  peer.send(await answeredBy(peer, key, { offer: { kex: [CLASSICAL] } }))
  await peer.received(MESSAGE.newKeys)
  expect(judged).toEqual([key.blob])
})

it('both halves give one secret, and no other', () => {
  const { init, secretWith } = offerHybrid(mlKem768, 'sha256')
  const { reply, secret } = answerHybrid(mlKem768, 'sha256', init)
  expect(reply).toHaveLength(CIPHERTEXT + POINT)
  expect(secret).toHaveLength(32)
  expect(secretWith(reply)).toEqual(secret)
  expect(answerHybrid(mlKem768, 'sha256', init).secret).not.toEqual(secret)
})

function swapped(bytes: Buffer, at: number): Buffer {
  return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)])
}
