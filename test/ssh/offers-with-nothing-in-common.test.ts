import { describe, expect, it } from 'vitest'
import { nothingInCommonOf, readOffer } from '../../src/ssh/offer.js'
import { kexInit } from './support/raw-peer.js'

const IDENTIFICATION = Buffer.from('SSH-2.0-old\r\n')
const PADDING_BYTES = 4

function packet(payload: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(payload.length + PADDING_BYTES + 1)
  head.writeUInt8(PADDING_BYTES, 4)
  return Buffer.concat([head, payload, Buffer.alloc(PADDING_BYTES)])
}

const firstBytes = (offered: Parameters<typeof kexInit>[0], before = ''): Buffer =>
  Buffer.concat([Buffer.from(before), IDENTIFICATION, packet(kexInit(offered))])

const lists = (offered: Parameters<typeof kexInit>[0]): readonly (readonly string[])[] => {
  const read = readOffer(firstBytes(offered))
  if (read === undefined) throw new Error('no offer was read')
  return read
}

describe('an offer of algorithms', () => {
  it('is read once it is whole, and not before', () => {
    const bytes = firstBytes({ kex: ['one', 'two'] })
    for (let length = 0; length < bytes.length; length++) expect(readOffer(bytes.subarray(0, length))).toBeUndefined()
    expect(readOffer(bytes)?.[0]).toEqual(['one', 'two'])
    expect(readOffer(Buffer.concat([bytes, Buffer.from('and what follows')]))?.[0]).toEqual(['one', 'two'])
  })

  it('is found behind the lines that a server may send first', () => {
    expect(readOffer(firstBytes({ kex: ['one'] }, 'no trespassing\r\nnot SSH-2.0\r\n'))?.[0]).toEqual(['one'])
  })

  it.each([
    ['another message', packet(Buffer.from([21]))],
    ['nothing in the packet', packet(Buffer.alloc(0))],
    ['lists that are cut off', packet(kexInit({}).subarray(0, 60))],
    [
      'a list that is said to be longer than all',
      packet(Buffer.concat([kexInit({}).subarray(0, 17), Buffer.alloc(9, 0xff)])),
    ],
  ])('is none where there is %s', (_, bytes) => {
    expect(readOffer(Buffer.concat([IDENTIFICATION, bytes]))).toBeUndefined()
  })
})

describe('two offers', () => {
  const ours = lists({})

  it('that have something of each kind in common lack nothing', () => {
    expect(nothingInCommonOf(ours, lists({}), 'client')).toBeUndefined()
    expect(nothingInCommonOf(ours, lists({}), 'server')).toBeUndefined()
  })

  it('that have no key exchange in common are told with both lists, without what is no algorithm', () => {
    const theirs = lists({ kex: ['old', 'ext-info-c', 'kex-strict-c-v00@openssh.com'] })
    expect(nothingInCommonOf(ours, theirs, 'server')).toMatchObject({ kind: 'kexAlgorithms', theirs: ['old'] })
  })

  it.each(['client', 'server'] as const)('need a MAC in common only for a cipher that has none, as the %s', (us) => {
    const mac = ['unheard-of']
    expect(nothingInCommonOf(ours, lists({ mac, cipher: ['aes128-ctr'] }), us)).toBeDefined()
    const gcm = lists({ cipher: ['aes128-gcm@openssh.com'] })
    expect(nothingInCommonOf(gcm, lists({ mac, cipher: ['aes128-gcm@openssh.com'] }), us)).toBeUndefined()
    const both = ['aes128-gcm@openssh.com', 'aes128-ctr']
    const [fast, slow] = [lists({ cipher: both }), lists({ mac, cipher: both.toReversed() })]
    // What the client likes best is taken, whoever lists it.
    expect(nothingInCommonOf(fast, slow, 'client')).toBeUndefined()
    expect(nothingInCommonOf(fast, slow, 'server')?.kind).toBe('macs')
  })
})
