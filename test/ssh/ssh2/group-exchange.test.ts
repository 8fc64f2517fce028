import { createDiffieHellmanGroup } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { LEGACY_ALGORITHMS } from '../../../src/ssh/algorithm-catalogue.js'
import { offeredAlgorithms } from '../../../src/ssh/algorithms.js'
import { connectClient } from '../../../src/ssh/ssh2/certificates.js'
import { ssh2 } from '../../../src/ssh/ssh2/load.js'
import { sshMpint, sshString, sshUint32 } from '../../../src/ssh/wire.js'
import { createWireReader } from '../../../src/ssh/wire-reader.js'
import { endAfterEach } from '../../e2e/support/resources.js'
import { openSocketPair } from '../../southbound/support/socket-pair.js'
import { kexInit, MESSAGE, type RawPeer, rawPeer } from '../support/raw-peer.js'

const own = endAfterEach()
const GROUP = 31
const INIT = 32
const REPLY = 33
const REQUEST = 34
const two = sshMpint(Buffer.from([2]))
const prime = (name: string): Buffer => createDiffieHellmanGroup(name).getPrime()
const NEW_KEYS = 21

interface Met {
  readonly peer: RawPeer
  /** The request for a group: least, preferred and most bits. */
  readonly request: readonly number[]
  readonly failure: Promise<Error>
}

/** A server that has been asked for a group. */
async function askedForGroup(): Promise<Met> {
  const { device: far, bridge: near } = own(await openSocketPair())
  const client = new ssh2.Client()
  const failure = new Promise<Error>((resolve) => {
    client.on('error', resolve)
    client.on('close', () => resolve(new Error('it was closed')))
  })
  connectClient(client, {
    sock: near,
    username: '',
    readyTimeout: 0,
    hostVerifier: () => true,
    algorithms: { ...offeredAlgorithms('client', LEGACY_ALGORITHMS), serverHostKey: ['ssh-ed25519'] },
  })
  const peer = rawPeer(far)
  peer.send(kexInit({ kex: ['diffie-hellman-group-exchange-sha256'] }))
  const reader = createWireReader(await peer.received(REQUEST))
  reader.uint8()
  return { peer, request: [reader.uint32(), reader.uint32(), reader.uint32()], failure }
}

const group = (p: Buffer, g: Buffer = two): Buffer => Buffer.concat([Buffer.from([GROUP]), p, g])

describe('group exchange', () => {
  it('asks for groups of 2048 to 4096 bits', async () => {
    expect((await askedForGroup()).request).toEqual([2048, 3072, 4096])
  })

  it.each(['modp14', 'modp15', 'modp16'])('takes part in %s, in little time', async (name) => {
    const { peer } = await askedForGroup()
    const began = process.cpuUsage()
    peer.send(group(sshMpint(prime(name))))
    const reader = createWireReader(await peer.received(INIT))
    reader.uint8()
    expect(reader.mpint().length).toBeGreaterThan(200)
    const { user, system } = process.cpuUsage(began)
    // OpenSSL's check of the largest takes seconds.
    expect((user + system) / 1000).toBeLessThan(400)
  })

  it.each([
    ['of 1024 bits', sshMpint(prime('modp2')), two, /1024 bits/],
    ['of 6144 bits', sshMpint(prime('modp17')), two, /6144 bits/],
    ['of 8192 bits', sshMpint(prime('modp18')), two, /8192 bits/],
    ['of a whole packet', sshMpint(Buffer.alloc(30_000, 0x7f)), two, /239999 bits/],
    ['of none', sshString(''), two, /0 bits/],
    ['of zeros', sshString(Buffer.alloc(512)), two, /0 bits/],
    ['that is even', sshMpint(Buffer.concat([prime('modp14').subarray(0, -1), Buffer.from([0])])), two, /even/],
    ['that is negative', sshString(prime('modp14')), two, /negative/],
    ['with the generator 0', sshMpint(prime('modp14')), sshString(''), /generator is less than 2/],
    ['with the generator 1', sshMpint(prime('modp14')), sshMpint(Buffer.from([1])), /generator is less than 2/],
    ['with a long generator', sshMpint(prime('modp14')), sshMpint(prime('modp14').subarray(1)), /generator has more/],
  ])('refuses a group %s before anything is computed', async (_what, p, g, why) => {
    const { peer, failure } = await askedForGroup()
    peer.send(group(p, g))
    expect((await failure).message).toMatch(why)
    await peer.closed
    expect(peer.packets.map(([type]) => type)).not.toContain(INIT)
  })

  it('takes a group that is not prime without an error, and in little time', async () => {
    const { peer } = await askedForGroup()
    const composite = Buffer.concat([Buffer.alloc(511, 0xff), Buffer.from([0x01])])
    peer.send(group(sshMpint(composite)))
    await peer.received(INIT)
  })

  it.each([
    ['0', sshString('')],
    ['1', sshMpint(Buffer.from([1]))],
    ['p - 1', sshMpint(Buffer.concat([prime('modp14').subarray(0, -1), Buffer.from([0xfe])]))],
    ['p', sshMpint(prime('modp14'))],
    ['as long as a packet', sshMpint(Buffer.alloc(30_000, 0x7f))],
  ])('refuses the public value %s', async (_what, value) => {
    const { peer, failure } = await askedForGroup()
    peer.send(group(sshMpint(prime('modp14'))))
    await peer.received(INIT)
    const key = Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(32, 1))])
    const signature = Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(64))])
    peer.send(Buffer.concat([Buffer.from([REPLY]), sshString(key), value, sshString(signature)]))
    expect((await failure).message).toMatch(/out of range/)
  })

  it.each([
    ['half a group', [Buffer.concat([Buffer.from([GROUP]), sshMpint(prime('modp14')).subarray(0, 90)])]],
    ['no generator', [Buffer.concat([Buffer.from([GROUP]), sshMpint(prime('modp14'))])]],
    ['a reply before its group', [Buffer.concat([Buffer.from([REPLY]), sshUint32(0)])]],
    ['a second group', [group(sshMpint(prime('modp14'))), group(sshMpint(prime('modp14')))]],
    ['new keys in place of a group', [Buffer.from([NEW_KEYS])]],
    ['half a reply', [group(sshMpint(prime('modp14'))), Buffer.concat([Buffer.from([REPLY]), sshString('x')])]],
  ])('ends the connection for %s', async (_what, payloads) => {
    const { peer, failure } = await askedForGroup()
    peer.send(...payloads)
    await failure
    await peer.closed
    expect(peer.packets.some(([type]) => type === MESSAGE.newKeys)).toBe(false)
  })

  it('ends quietly where the server hangs up after its group', async () => {
    const { peer, failure } = await askedForGroup()
    peer.send(group(sshMpint(prime('modp14'))))
    await peer.received(INIT)
    peer.socket.destroy()
    await failure
  })
})
