import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateLine, parseCertificate, parseCertificateLine, plainKeyOf } from '../../src/ssh/certificate.js'
import { sshString, sshUint32, sshUint64 } from '../../src/ssh/wire.js'
import { type KeyRoom, keyKinds, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
beforeAll(async () => {
  room = await makeKeyRoom()
})
afterAll(() => room.remove())

describe('reading certificates that ssh-keygen made', () => {
  it.each(keyKinds)('reads a %s key', async (kind) => {
    const ca = await room.key('ca')
    const key = await room.key('subject', kind)
    const options = '-n netops,ops -z 18446744073709551615 -V 20260102030405Z:20270102030405Z'
    const extras = '-O clear -O permit-pty -O source-address=192.0.2.0/24'
    const certificate = await room.certify(ca, key, `${options} ${extras}`.split(' '))
    expect(certificate).toMatchObject({
      type: `${key.publicKey.type}-cert-v01@openssh.com`,
      role: 'user',
      serial: 18446744073709551615n,
      keyId: 'test',
      principals: ['netops', 'ops'],
      validAfter: BigInt(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000),
      validBefore: BigInt(Date.UTC(2027, 0, 2, 3, 4, 5) / 1000),
    })
    expect(certificate.key.blob).toEqual(key.publicKey.blob)
    expect(certificate.ca.blob).toEqual(ca.publicKey.blob)
    expect(certificate.criticalOptions).toEqual(new Map([['source-address', sshString('192.0.2.0/24')]]))
    expect([...certificate.extensions.keys()]).toEqual(['permit-pty'])
    expect(plainKeyOf(certificate.blob)).toEqual(key.publicKey.blob)
    expect(plainKeyOf(key.publicKey.blob)).toEqual(key.publicKey.blob)
    const line = certificateLine(certificate, 'a comment')
    expect(parseCertificateLine(line)).toEqual({ ok: true, certificate })
  })

  it.each(keyKinds)('reads one signed by a %s CA', async (kind) => {
    const ca = await room.key('ca', kind)
    const certificate = await room.certify(ca, await room.key('subject'))
    expect(certificate.ca.blob).toEqual(ca.publicKey.blob)
  })
})

describe('malformed certificates', () => {
  it('is a problem wherever a certificate is cut off or goes on', async () => {
    const { blob } = await room.certify(await room.key('ca'), await room.key('subject'))
    for (let length = 0; length < blob.length; length++)
      expect(parseCertificate(blob.subarray(0, length)).ok, `cut to ${length} octets`).toBe(false)
    expect(parseCertificate(Buffer.concat([blob, Buffer.from([0])]))).toMatchObject({
      ok: false,
      failure: { reason: 'malformed-certificate' },
    })
  })

  it('never throws, whichever octet is changed', async () => {
    const { blob } = await room.certify(await room.key('ca'), await room.key('subject', 'ecdsa-256'))
    for (let at = 0; at < blob.length; at++) {
      const damaged = Buffer.from(blob)
      damaged[at] = 0xff ^ (damaged[at] ?? 0)
      expect(() => parseCertificate(damaged)).not.toThrow()
    }
  })

  it('refuses a certificate as CA', async () => {
    const ca = await room.certify(await room.key('ca'), await room.key('middle'))
    expect(handmade({ ca: ca.blob })).toMatchObject({ ok: false, failure: { reason: 'unsupported-certificate' } })
  })

  it('refuses an option that is given twice', async () => {
    const { blob: ca } = (await room.key('ca')).publicKey
    const option = Buffer.concat([sshString('force-command'), sshString(sshString('netconf'))])
    expect(handmade({ ca, critical: Buffer.concat([option, option]) })).toMatchObject({ ok: false })
    expect(handmade({ ca, extensions: Buffer.concat([option, option]) })).toMatchObject({ ok: false })
    expect(handmade({ ca, critical: option, extensions: option })).toMatchObject({ ok: true })
  })

  it('refuses roles that are none, too many principals and texts that are none', async () => {
    const { blob: ca } = (await room.key('ca')).publicKey
    expect(handmade({ ca, role: 3 })).toMatchObject({ ok: false })
    const principals = (count: number) => Buffer.concat(Array.from({ length: count }, () => sshString('a')))
    expect(handmade({ ca, principals: principals(256) })).toMatchObject({ ok: true })
    expect(handmade({ ca, principals: principals(257) })).toMatchObject({ ok: false })
    expect(handmade({ ca, principals: sshString('net\0ops') })).toMatchObject({ ok: false })
    expect(handmade({ ca, principals: sshString(Buffer.from([0xc3, 0x28])) })).toMatchObject({ ok: false })
  })

  it('refuses an RSA key of less than 2048 bits, as key and as CA', async () => {
    const path = `${room.directory}/weak`
    await room.run('-q', '-t', 'rsa', '-b', '1024', '-N', '', '-C', '', '-f', path)
    const ca = await room.key('ca')
    const weak = { ...ca, path }
    await expect(room.certify(ca, weak)).rejects.toThrow('the key is too weak: its RSA modulus has 1024 bits')
    await expect(room.certify(weak, await room.key('subject'))).rejects.toThrow('in the key of its CA')
  })

  it('refuses lines of another form, plain keys and types that it does not know', async () => {
    const { type, blob } = await room.certify(await room.key('ca'), await room.key('subject'))
    for (const line of ['', type, `${type} ****`, `rsa-sha2-512-cert-v01@openssh.com ${blob.toString('base64')}`])
      expect(parseCertificateLine(line)).toMatchObject({ ok: false, failure: { reason: 'malformed-certificate' } })
    expect(parseCertificateLine((await room.key('ca')).line)).toMatchObject({
      ok: false,
      failure: { reason: 'unsupported-certificate' },
    })
  })
})

interface Fields {
  readonly ca: Buffer
  readonly role?: number
  readonly principals?: Buffer
  readonly critical?: Buffer
  readonly extensions?: Buffer
}

/** A certificate of an Ed25519 key that nobody signed. */
function handmade({ ca, role = 1, principals, critical, extensions }: Fields) {
  const empty = Buffer.alloc(0)
  return parseCertificate(
    Buffer.concat([
      sshString('ssh-ed25519-cert-v01@openssh.com'),
      sshString('nonce'),
      sshString(Buffer.alloc(32, 1)),
      sshUint64(1n),
      sshUint32(role),
      sshString('id'),
      sshString(principals ?? empty),
      sshUint64(0n),
      sshUint64(1n),
      sshString(critical ?? empty),
      sshString(extensions ?? empty),
      sshString(''),
      sshString(ca),
      sshString('signature'),
    ]),
  )
}
