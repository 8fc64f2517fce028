import { approveShown } from '../fleet/support/approve.js'
import { describe, expect, it } from 'vitest'
import { sshString } from '../../src/ssh/wire.js'
import { createWireReader } from '../../src/ssh/wire-reader.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { answeredBy, kexInit, MESSAGE, newRawHostKey, type RawPeer, rawPeer } from '../ssh/support/raw-peer.js'
import { openCallHome } from './support/call-home.js'

const own = endAfterEach()

/** A KEXINIT that ends after its first byte. */
const malformedKexInit = Buffer.from([MESSAGE.kexInit])
const newKeys = Buffer.from([MESSAGE.newKeys])

async function openRoom() {
  const room = own(await openCallHome({ maxHandshakes: 20, maxQueuedHandshakes: 20 }))
  const refusals: string[] = []
  room.fleet.subscribe({ refused: ({ reason }) => refusals.push(reason) })
  const call = async (deviceId: string): Promise<RawPeer> =>
    rawPeer(await room.dial(), `MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${deviceId}\r\n`)
  /** Settles once a stranger waits for an operator under this device id. */
  const pending = (deviceId: string): Promise<void> =>
    expect.poll(async () => (await room.service.get(deviceId))?.standing).toBe('pending')
  /** Whether the bridge still takes a stranger in, as it did before. */
  const stillServes = async (): Promise<void> => {
    const peer = await call('still-served')
    peer.send(await answeredBy(peer, newRawHostKey()))
    await pending('still-served')
    peer.socket.destroy()
  }
  return { ...room, call, pending, refusals, stillServes }
}

/** The key exchanges and host key algorithms that a KEXINIT offers. */
function offeredIn(payload: Buffer) {
  const reader = createWireReader(payload.subarray(17))
  const [kex = [], hostKey = [], ...rest] = Array.from({ length: 10 }, () => reader.text().split(','))
  return { kex, hostKey, macs: [...(rest[2] ?? []), ...(rest[3] ?? [])] }
}

describe('a stranger whose host key pends', () => {
  it.each([
    ['a malformed KEXINIT', malformedKexInit],
    ['a malformed KEX_ECDH_REPLY', Buffer.from([MESSAGE.ecdhReply])],
    ['a message that is none of key exchange', Buffer.from([50])],
  ])('under an id that another key waits for, and sends %s in the same segment', async (_what, garbage) => {
    const { call, pending, refused, stillServes } = await openRoom()
    const first = await call('router1')
    first.send(await answeredBy(first, newRawHostKey()))
    await pending('router1')
    const second = await call('router1')
    const reply = await answeredBy(second, newRawHostKey())
    const refusal = refused()
    // The answer that the other key waits for approval comes when the connection has failed.
    second.send(reply, garbage)
    expect(await refusal).toMatchObject({ deviceId: 'router1' })
    await second.closed
    await stillServes()
  })

  it.each([true, false])('and fails before it is decided on (approved: %s)', async (approved) => {
    const { call, pending, service, refused, stillServes } = await openRoom()
    const peer = await call('router1')
    const key = newRawHostKey()
    const reply = await answeredBy(peer, key)
    peer.send(reply)
    await pending('router1')
    const refusal = refused()
    peer.send(malformedKexInit)
    await refusal
    await peer.closed
    await (approved ? approveShown(service, 'router1', 'alice') : service.reject('router1', 'alice'))
    await stillServes()
  })

  it('and begins another key exchange is let go, and was sent nothing more', async () => {
    const { call, pending, refused, stillServes } = await openRoom()
    const peer = await call('router1')
    peer.send(await answeredBy(peer, newRawHostKey()))
    await pending('router1')
    const before = peer.packets.length
    const refusal = refused()
    // What comes after NEWKEYS is encrypted, and this is not: the bridge must not take it for anything.
    peer.send(newKeys, kexInit())
    await refusal
    await peer.closed
    expect(peer.packets.slice(before).map(([type]) => type)).not.toContain(MESSAGE.newKeys)
    await stillServes()
  })
})

describe('a public key that its presenter does not hold', () => {
  it('is refused by a reason of its own, and neither pends nor is stored', async () => {
    const { call, service, refused } = await openRoom()
    const peer = await call('router1')
    const refusal = refused()
    peer.send(await answeredBy(peer, newRawHostKey(), { signer: newRawHostKey() }))
    expect(await refusal).toMatchObject({
      reason: 'bad-host-key-signature',
      deviceId: 'router1',
      message: expect.stringContaining('does not hold the host key') as string,
    })
    await peer.closed
    expect(await service.list()).toEqual([])
  })

  it.each([
    ['of another type', Buffer.concat([sshString('ssh-rsa'), sshString('x')])],
    ['without a value', sshString('ssh-ed25519')],
    ['that is empty', Buffer.alloc(0)],
  ])('nor does one with a signature %s', async (_what, signature) => {
    const { call, service, refused } = await openRoom()
    const peer = await call('router1')
    const reply = await answeredBy(peer, newRawHostKey())
    const reader = createWireReader(reply.subarray(1))
    const fields = [reader.string(), reader.string()].map((field) => sshString(field))
    const refusal = refused()
    peer.send(Buffer.concat([Buffer.from([MESSAGE.ecdhReply]), ...fields, sshString(signature)]))
    expect(await refusal).toMatchObject({ reason: 'bad-host-key-signature' })
    expect(await service.list()).toEqual([])
  })
})

describe('the bridge, to a device', () => {
  it('names no library', async () => {
    const { call } = await openRoom()
    expect(await (await call('router1')).theirIdentification()).toBe('SSH-2.0-Homeport')
  })

  it('offers no group exchange, no long groups and no SHA-1', async () => {
    const { call } = await openRoom()
    const peer = await call('router1')
    const { kex, hostKey, macs } = offeredIn(await peer.received(MESSAGE.kexInit))
    expect(kex.filter((name) => /group-exchange|group1[5-8]|sha1/.test(name))).toEqual([])
    expect([...kex, ...hostKey, ...macs].filter((name) => /sha1|ssh-rsa|ssh-dss|md5/.test(name))).toEqual([])
    expect(kex).toContain('diffie-hellman-group14-sha256')
    expect(macs).toContain('hmac-sha2-256')
  })
})
