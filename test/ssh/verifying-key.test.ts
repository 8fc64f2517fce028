import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nothingRevoked, revokedPart } from '../../src/ssh/revocation.js'
import { signatureAlgorithmsOf, signatureBlob, verifySignature } from '../../src/ssh/signature.js'
import { canonicalKey, parseVerifyingKey, rsaKeyFault } from '../../src/ssh/verifying-key.js'
import { sshMpint, sshString } from '../../src/ssh/wire.js'
import { createWireReader } from '../../src/ssh/wire-reader.js'
import { type KeyPair, type KeyRoom, keyKinds, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
beforeAll(async () => {
  room = await makeKeyRoom()
})
afterAll(() => room.remove())

function verifying({ publicKey }: KeyPair) {
  const parsed = parseVerifyingKey(publicKey.blob)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.key
}

/** The same RSA key, with zeros before its modulus and an byte after its end. */
function otherwiseWritten(blob: Buffer): Buffer {
  const reader = createWireReader(blob)
  const [type, e, n] = [reader.string(), reader.string(), reader.string()]
  return Buffer.concat(
    [type, e, Buffer.concat([Buffer.alloc(2), n])].map((field) => sshString(field)).concat(Buffer.alloc(1)),
  )
}

it.each(keyKinds)('verifies what a %s key signed, and nothing else', async (kind) => {
  const pair = await room.key('key', kind)
  const key = verifying(pair)
  const data = Buffer.from('signed')
  for (const algorithm of signatureAlgorithmsOf(key.type)) {
    const signature = signatureBlob(pair.privateKey, algorithm, data)
    expect(verifySignature({ key, data, signature })).toBe('holds')
    expect(verifySignature({ key, data: Buffer.from('forged'), signature })).toBe('does-not-hold')
    for (let length = 0; length < signature.length; length += 7)
      expect(verifySignature({ key, data, signature: signature.subarray(0, length) })).toBe('does-not-hold')
    const longer = Buffer.concat([signature, Buffer.alloc(1)])
    expect(verifySignature({ key, data, signature: longer })).toBe('does-not-hold')
    expect(verifySignature({ key, data, signature, expected: [] })).toBe('refused-algorithm')
  }
})

it('refuses keys that are none', async () => {
  const { blob } = (await room.key('key', 'ecdsa-256')).publicKey
  const offCurve = Buffer.from(blob)
  offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1
  const cause = (input: Buffer) => {
    const parsed = parseVerifyingKey(input)
    return parsed.ok ? 'read' : parsed.failure.reason
  }
  expect(cause(blob)).toBe('read')
  expect(cause(offCurve)).toBe('malformed-key')
  expect(cause(Buffer.concat([blob, Buffer.alloc(1)]))).toBe('malformed-key')
  expect(cause(sshString('ssh-dss'))).toBe('unsupported-key')
  for (let length = 0; length < blob.length; length++) expect(cause(blob.subarray(0, length))).not.toBe('read')
})

it('refuses RSA keys whose exponent makes signatures worthless or slow', async () => {
  const reader = createWireReader((await room.key('key', 'rsa')).publicKey.blob)
  const [type, , n] = [reader.string(), reader.string(), reader.string()]
  const withExponent = (...bytes: readonly number[]) =>
    parseVerifyingKey(Buffer.concat([type, Buffer.from(bytes), n].map((field) => sshString(field)))).ok
  expect(withExponent(1, 0, 1)).toBe(true)
  for (const bytes of [[], [1], [2], [1, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 1]])
    expect(withExponent(...bytes), bytes.join(' ')).toBe(false)
})

it('knows a key again however it was written', async () => {
  const { blob } = (await room.key('key', 'rsa')).publicKey
  expect(otherwiseWritten(blob)).not.toEqual(blob)
  expect(canonicalKey(otherwiseWritten(blob))).toEqual(blob)
  expect(revokedPart({ ...nothingRevoked, keys: [blob] }, otherwiseWritten(blob))).toBe('the key')
  expect(canonicalKey(Buffer.from('no key'))).toEqual(Buffer.from('no key'))
})

describe('an RSA host key whose signatures would cost too much to check', () => {
  const rsa = (exponentBytes: number, modulusBytes: number): Buffer =>
    Buffer.concat([
      sshString('ssh-rsa'),
      sshMpint(Buffer.alloc(exponentBytes, 0x7f)),
      sshMpint(Buffer.alloc(modulusBytes, 0x7f)),
    ])

  it.each([
    ['a modulus of 16392 bits', rsa(3, 2049), /modulus has more than 16384 bits/],
    ['an exponent of 72 bits', rsa(9, 256), /exponent has more than 64 bits/],
    ['a modulus that is all of a packet', rsa(3, 34_000), /modulus/],
  ])('is told by its numbers: %s', (_what, blob, fault) => {
    expect(rsaKeyFault(blob)).toMatch(fault)
  })

  it('is none of an ordinary size, and none of another type', () => {
    expect(rsaKeyFault(rsa(3, 2048))).toBeUndefined()
    expect(rsaKeyFault(rsa(3, 128))).toBeUndefined()
    expect(rsaKeyFault(Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(32))]))).toBeUndefined()
    expect(rsaKeyFault(Buffer.alloc(0))).toBeUndefined()
  })
})
