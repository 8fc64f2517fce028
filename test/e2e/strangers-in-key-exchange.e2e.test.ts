import { once } from 'node:events'
import { connect } from 'node:net'
import type { ClientChannel } from 'ssh2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sshMpint, sshString } from '../../src/ssh/wire.js'
import {
  answeredBy,
  kexInit,
  MESSAGE,
  newRawHostKey,
  type RawHostKey,
  type RawPeer,
  rawPeer,
} from '../ssh/support/raw-peer.js'
import { LONGEST_TURN, leastOfTurns, longestTurnOf, reportsLoopTurns } from '../support/loop-turn.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { within } from './parts/wait-for.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { metricsOf } from './support/metrics.js'
import { login, openNetconf } from './support/test-client.js'

/** SSH_MSG_KEX_DH_GEX_GROUP and SSH_MSG_KEXDH_INIT have the numbers of others (RFC 4419 §5, RFC 4253 §8). */
const gexGroup = 31
const gexRequest = 34
const dhInit = 30

/** 2 to this power, less 1, is a prime; to prove it takes the longer the longer it is. */
const mersenneExponents = [2203, 4423, 9941] as const
const honestSizes = [2048, 4096, 8192] as const

const allOnes = (bits: number): Buffer => {
  const bytes = Buffer.alloc(Math.ceil(bits / 8), 0xff)
  bytes[0] = 0xff >> (bytes.length * 8 - bits)
  return bytes
}
/** Odd, of that many bits, and nothing like a prime. */
const productOfSmallPrimes = (bits: number): Buffer => {
  let product = 1n
  for (let factor = 3n; product < 1n << BigInt(bits - 1); factor += 2n) product *= factor
  while (product >= 1n << BigInt(bits)) product /= 3n
  const hex = (product | 1n).toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
}
const group = (prime: Buffer, generator = 2): Buffer => {
  const bytes = Buffer.from([generator >> 8, generator & 0xff])
  return Buffer.concat([Buffer.from([gexGroup]), sshMpint(prime), sshMpint(bytes.subarray(generator > 0xff ? 0 : 1))])
}
const initOf = (bytes: number): Buffer => Buffer.concat([Buffer.from([dhInit]), sshString(Buffer.alloc(bytes, 0x7f))])
const rsaKey = (exponent: number, modulus: number): RawHostKey => ({
  ...newRawHostKey(),
  blob: Buffer.concat([
    sshString('ssh-rsa'),
    sshMpint(Buffer.alloc(exponent, 0x7f)),
    sshMpint(Buffer.alloc(modulus, 0x7f)),
  ]),
})

const groupExchange = ['diffie-hellman-group-exchange-sha256']
const longGroups = ['diffie-hellman-group18-sha512', 'diffie-hellman-group16-sha512']

describe('whatever strangers send in key exchange, a session that is live goes on', () => {
  let attached: AttachedDevice
  let channel: ClientChannel
  let stopTalking: () => Promise<number>

  beforeAll(async () => {
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      nodeArguments: reportsLoopTurns,
      config: {
        devices: [
          { id: 'router1', secret: 'secret-of-the-device' },
          { id: 'old1', secret: 'another', algorithms: 'legacy' },
        ],
      },
    })
    channel = await openNetconf(await login(attached.bridge, 'router1'))
  })
  afterAll(() => attached?.stop())

  /** One message after the other, until told to stop. */
  function talk(): () => Promise<number> {
    let messages = 0
    let going = true
    const talking = (async () => {
      while (going || messages === 0) {
        const message = `message ${messages}`.padEnd(200, '.')
        channel.write(message)
        for (let left = message.length; left > 0; ) left -= ((await once(channel, 'data')) as [Buffer])[0].length
        messages += 1
      }
      return messages
    })()
    return () => {
      going = false
      return within(10_000, 'the echo of the live session', talking)
    }
  }

  beforeEach(() => {
    stopTalking = talk()
  })
  afterEach(async () => {
    expect(await stopTalking()).toBeGreaterThan(0)
    expect(attached.bridge.process.exitCode).toBeNull()
    const faults = [...(await metricsOf(attached.bridge)).keys()].filter((name) => name.startsWith('homeport_faults'))
    expect(faults).toEqual([])
  })

  /** What a stranger does, again where a turn of the bridge was too long meanwhile. */
  function holdsNobodyUp<Facts extends unknown[]>(attack: (...facts: Facts) => Promise<void>) {
    return async (...facts: Facts): Promise<void> => {
      const turn = await leastOfTurns(async () => {
        await longestTurnOf(attached.bridge)
        await attack(...facts)
        return longestTurnOf(attached.bridge)
      })
      expect(turn).toBeLessThan(LONGEST_TURN)
    }
  }

  async function dial(port: number, before = ''): Promise<RawPeer> {
    const socket = connect(port, attached.bridge.host)
    await once(socket, 'connect')
    return rawPeer(socket, before)
  }
  const asDevice = (id = 'stranger'): Promise<RawPeer> =>
    dial(attached.bridge.callHomePort, `MSG-ID: DEVICE-CONN-INFO\r\nMSG-VER: V1\r\nDEVICE-ID: ${id}\r\n`)
  const asClient = (): Promise<RawPeer> => dial(attached.bridge.endpointPort)
  const closed = (peer: RawPeer): Promise<void> => within(10_000, 'the bridge to close the connection', peer.closed)

  describe('on the call-home port', () => {
    it.each([...mersenneExponents, ...honestSizes])(
      'a group of %i bits of its own',
      holdsNobodyUp(async (bits) => {
        const peer = await asDevice()
        peer.send(kexInit({ kex: groupExchange }), group(allOnes(bits)))
        await closed(peer)
        expect(peer.packets.map(([type]) => type)).not.toContain(34)
      }),
    )

    // Whose id it is may take part in group exchange, and who claims it is asked for a group.
    it.each([
      ['of 2203 bits, a prime', allOnes(2203)],
      ['of 2048 bits', allOnes(2048)],
      ['of 4096 bits', allOnes(4096)],
      ['of 4096 bits that is even', Buffer.concat([allOnes(4088), Buffer.from([0xfe])])],
      ['of 4096 bits whose factors are small', productOfSmallPrimes(4096)],
      ['of 4423 bits', allOnes(4423)],
      ['of 8192 bits', allOnes(8192)],
      ['of 1024 bits', allOnes(1024)],
      ['of nothing', Buffer.alloc(0)],
    ])(
      'a group %s, in the name of an old device',
      holdsNobodyUp(async (_what, prime) => {
        for (const generator of [2, 5, 1, 0, 0xffff]) {
          const peer = await asDevice('old1')
          peer.send(kexInit({ kex: groupExchange, hostKey: ['rsa-sha2-512'] }))
          await peer.received(gexRequest)
          peer.send(group(prime, generator), initOf(300))
          await closed(peer)
        }
      }),
    )

    it(
      'a group where none was asked for',
      holdsNobodyUp(async () => {
        const peer = await asDevice()
        peer.send(kexInit(), group(allOnes(9941)))
        await closed(peer)
      }),
    )

    it.each([
      ['a modulus of 34,000 octets', rsaKey(3, 34_000 - 300)],
      ['an exponent as long as the modulus', rsaKey(384, 384)],
      ['a modulus of 16,384 bits and an exponent of 64', rsaKey(8, 2048)],
    ])(
      'an RSA host key with %s',
      holdsNobodyUp(async (_what, key) => {
        const peer = await asDevice()
        peer.send(await answeredBy(peer, key, { offer: { hostKey: ['rsa-sha2-512'] } }))
        await closed(peer)
      }),
    )

    it(
      'an answer that comes when the connection has failed, again and again',
      holdsNobodyUp(async () => {
        const first = await asDevice('contested')
        first.send(await answeredBy(first, newRawHostKey()))
        await attached.bridge.logged(/pending/, { deviceId: 'contested' })
        for (let round = 0; round < 5; round += 1) {
          const second = await asDevice('contested')
          second.send(await answeredBy(second, newRawHostKey()), Buffer.from([MESSAGE.kexInit]))
          await closed(second)
        }
        first.send(Buffer.from([MESSAGE.kexInit]))
        await closed(first)
      }),
    )
  })

  describe('on the endpoint', () => {
    it.each([
      ['group exchange', groupExchange],
      ['long groups', longGroups],
      ['SHA-1', ['diffie-hellman-group14-sha1', 'diffie-hellman-group1-sha1']],
    ])(
      'an offer of nothing but %s',
      holdsNobodyUp(async (_what, kex) => {
        const peer = await asClient()
        peer.send(kexInit({ kex }), initOf(1024))
        await closed(peer)
        expect(peer.packets.map(([type]) => type)).not.toContain(MESSAGE.ecdhReply)
      }),
    )

    it.each([
      ['curve25519-sha256', 34_000],
      ['ecdh-sha2-nistp521', 34_000],
      ['diffie-hellman-group14-sha256', 34_000],
      ['diffie-hellman-group14-sha256', 0],
      ['curve25519-sha256', 0],
      ['mlkem768x25519-sha256', 34_000],
      ['mlkem768x25519-sha256', 1216],
      ['mlkem768x25519-sha256', 0],
      ['sntrup761x25519-sha512', 34_000],
      ['sntrup761x25519-sha512', 1189],
    ])(
      'a public value for %s of %i octets',
      holdsNobodyUp(async (kex, bytes) => {
        const peer = await asClient()
        peer.send(kexInit({ kex: [kex] }), initOf(bytes))
        await closed(peer)
      }),
    )

    it(
      'a malformed packet by somebody who closes nothing',
      holdsNobodyUp(async () => {
        const socket = connect({ port: attached.bridge.endpointPort, host: attached.bridge.host, allowHalfOpen: true })
        await once(socket, 'connect')
        const peer = rawPeer(socket)
        peer.send(Buffer.from([MESSAGE.kexInit]))
        const refused = (): Promise<number> =>
          new Promise((resolve) => socket.write('more', (error) => resolve(error ? 1 : 0)))
        await peer.received(MESSAGE.disconnect)
        // The bridge has closed both halves once it resets what still comes.
        await expect.poll(refused, { timeout: 10_000 }).toBe(1)
      }),
    )

    it(
      'a malformed packet of each number, in the place of key exchange',
      holdsNobodyUp(async () => {
        for (let number = 0; number < 256; number += 1) {
          const peer = await asClient()
          peer.send(Buffer.from([number]), kexInit(), Buffer.from([number]))
          peer.socket.end()
          await closed(peer)
        }
      }),
    )
  })
})
