import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Certificate } from '../../src/ssh/certificate.js'
import { revokedPart } from '../../src/ssh/revocation.js'
import { parseRevocations } from '../../src/ssh/revocation-file.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
let ca: KeyPair
let otherCa: KeyPair
let key: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  ca = await room.key('ca')
  otherCa = await room.key('other-ca')
  key = await room.key('host')
})
afterAll(() => room.remove())

const certificate = (serial: number | bigint, keyId = 'router1', by = ca): Promise<Certificate> =>
  room.certify(by, key, ['-h', '-n', 'router1', '-z', String(serial), '-I', keyId])

/** A KRL of a specification of ssh-keygen(1), made by ssh-keygen. */
async function krl(specification: string): Promise<Buffer> {
  const path = `${room.directory}/krl`
  await room.run('-q', '-k', '-f', path, '-s', `${ca.path}.pub`, await room.write('specification', specification))
  return readFile(path)
}

function revoked(content: Buffer, blob: Buffer): string | undefined {
  const parsed = parseRevocations(content, ca.publicKey.blob)
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return revokedPart(parsed.revocations, blob)
}

describe.each([
  ['a KRL that ssh-keygen made', krl],
  ['the same as text', (text: string) => Promise.resolve(Buffer.from(text))],
])('%s', (_form, make) => {
  it('revokes serials, ranges of them and dense sets', async () => {
    const dense = Array.from({ length: 70 }, (_, i) => `serial: ${1000 + i * 2 + (i > 40 ? 1 : 0)}`)
    const list = await make(
      ['serial: 7', 'serial: 100-110', 'serial: 18446744073709551610-18446744073709551615', ...dense].join('\n'),
    )
    const revokedSerials: bigint[] = []
    for (const serial of [0n, 6n, 7n, 8n, 99n, 100n, 110n, 111n, 1000n, 1001n, 1080n, 1082n, 1083n, 1139n, 1140n])
      if (revoked(list, (await certificate(serial)).blob) === `its serial ${serial}`) revokedSerials.push(serial)
    expect(revokedSerials).toEqual([7n, 100n, 110n, 1000n, 1080n, 1083n, 1139n])
    expect(revoked(list, (await certificate(18446744073709551615n)).blob)).toBe('its serial 18446744073709551615')
  })

  it('revokes key ids', async () => {
    const list = await make('id: router1\nid: old router\n')
    expect(revoked(list, (await certificate(0)).blob)).toBe('its key id "router1"')
    expect(revoked(list, (await certificate(1, 'old router')).blob)).toBe('its key id "old router"')
    expect(revoked(list, (await certificate(1, 'router2')).blob)).toBeUndefined()
  })

  it('holds serials and key ids against no other CA', async () => {
    const list = await make('serial: 7\nid: router1\n')
    expect(revoked(list, (await certificate(7, 'router1', otherCa)).blob)).toBeUndefined()
  })

  it.each(['', 'key: ', 'sha1: ', 'sha256: '])('revokes keys given as "%s", plain and certified', async (word) => {
    const list = await make(`# lost\n${word}${key.line}\n`)
    expect(revoked(list, key.publicKey.blob)).toBe('the key')
    expect(revoked(list, (await certificate(1)).blob)).toBe('the key')
    expect(revoked(list, ca.publicKey.blob)).toBeUndefined()
  })

  it('revokes a CA with all that it certified', async () => {
    const list = await make(ca.line)
    expect(revoked(list, ca.publicKey.blob)).toBe('the key')
    expect(revoked(list, (await certificate(1)).blob)).toBe('its CA')
    expect(revoked(list, (await certificate(1, 'router1', otherCa)).blob)).toBeUndefined()
  })

  it('revokes fingerprints as ssh-keygen -l prints them', async () => {
    const [, fingerprint = ''] = (await room.run('-l', '-f', `${key.path}.pub`)).split(' ')
    expect(revoked(await make(`hash: ${fingerprint}`), key.publicKey.blob)).toBe('the key')
  })

  it('revokes a certificate that is given itself, and not its key', async () => {
    await certificate(42, 'router9')
    const line = await readFile(`${key.path}-cert.pub`, 'utf8')
    const list = await make(line)
    expect(revoked(list, (await certificate(42)).blob)).toBe('its serial 42')
    expect(revoked(list, (await certificate(43)).blob)).toBeUndefined()
    expect(revoked(list, key.publicKey.blob)).toBeUndefined()
  })
})

describe('files of revocations', () => {
  it('agree with ssh-keygen -Q', async () => {
    const list = await krl('serial: 3-5\nid: lost\n')
    for (const [serial, keyId] of [
      [2, 'a'],
      [3, 'a'],
      [5, 'a'],
      [6, 'a'],
      [6, 'lost'],
    ] as const) {
      const { blob } = await certificate(serial, keyId)
      const asked = room.run('-Q', '-f', `${room.directory}/krl`, `${key.path}-cert.pub`)
      const theirs = await asked.then(
        () => 'ok',
        () => 'revoked',
      )
      expect(revoked(list, blob) === undefined ? 'ok' : 'revoked', `${serial} ${keyId}`).toBe(theirs)
    }
  })

  it('with nobody named as CA hold against any', async () => {
    const text = parseRevocations(Buffer.from('serial: 7'))
    expect(text.ok && revokedPart(text.revocations, (await certificate(7, 'a', otherCa)).blob)).toBe('its serial 7')
    const path = `${room.directory}/krl-any`
    await room.run('-q', '-k', '-f', path, '-s', 'none', await room.write('specification', 'serial: 7\n'))
    expect(revoked(await readFile(path), (await certificate(7, 'a', otherCa)).blob)).toBe('its serial 7')
  })

  it('are refused when damaged, and never throw', async () => {
    const list = await krl(`serial: 7\nserial: 9-12\nid: router1\n${key.line}\nsha1: ${key.line}\n`)
    const whole = parseRevocations(list)
    expect(whole.ok).toBe(true)
    let refused = 0
    for (let length = 8; length < list.length; length++) {
      const parsed = parseRevocations(list.subarray(0, length))
      if (!parsed.ok) refused += 1
      if (!parsed.ok) expect(parsed.failure.reason).toBe('malformed-krl')
    }
    // A list may end after any of its sections, of which there are three.
    expect(refused).toBeGreaterThanOrEqual(list.length - 8 - 3)
    for (let at = 8; at < list.length; at++) {
      const damaged = Buffer.from(list)
      damaged[at] = 0xff
      expect(() => parseRevocations(damaged)).not.toThrow()
    }
  })

  it('of another version or with unknown sections are refused rather than half believed', async () => {
    const list = await krl('serial: 7\n')
    const newer = Buffer.from(list)
    newer.writeUInt32BE(2, 8)
    expect(parseRevocations(newer)).toMatchObject({ ok: false, failure: { reason: 'unsupported-krl' } })
    const unknown = Buffer.concat([list, Buffer.from([77, 0, 0, 0, 0])])
    expect(parseRevocations(unknown)).toMatchObject({ ok: false, failure: { reason: 'unsupported-krl' } })
  })

  it('name the line of a text that is no revocation', () => {
    for (const line of [
      'router1',
      'serial: x',
      'serial: 9-7',
      'serial: 18446744073709551616',
      'hash: SHA256:abc',
      'key: x',
    ])
      expect(parseRevocations(Buffer.from(`# list\n${line}\n`)), line).toMatchObject({
        ok: false,
        failure: { reason: 'malformed-revocation-line', message: 'line 2 is no revocation' },
      })
  })
})
