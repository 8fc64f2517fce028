import type { ParsedKey, PublicKeyAuthContext } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignatureAlgorithm } from '../../src/ssh/signature.js'
import { signatureBlob, signatureValue } from '../../src/ssh/signature.js'
import { offeredCertificate, signatureHolds } from '../../src/ssh/verify-signature.js'
import { sshString } from '../../src/ssh/wire.js'
import { type KeyRoom, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
beforeAll(async () => {
  room = await makeKeyRoom()
})
afterAll(() => room.remove())

const signed = Buffer.from('what a login signs')

/** A login as ssh2 hands it over. */
function login(algo: string, data: Buffer, signature: Buffer): PublicKeyAuthContext {
  return { key: { algo, data }, blob: signed, signature } as unknown as PublicKeyAuthContext
}

describe('the signature of a login', () => {
  it('with a certificate is by its key, in the algorithm that the login names', async () => {
    const key = await room.key('user', 'rsa')
    const { blob } = await room.certify(await room.key('ca'), key)
    const holds = (algo: string, algorithm: SignatureAlgorithm, by: ParsedKey) =>
      signatureHolds(login(algo, blob, signatureBlob(by, algorithm, signed)))
    expect(holds('rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-512', key.privateKey)).toBe(true)
    expect(holds('rsa-sha2-256-cert-v01@openssh.com', 'rsa-sha2-512', key.privateKey)).toBe(false)
    expect(holds('ssh-rsa-cert-v01@openssh.com', 'rsa-sha2-512', key.privateKey)).toBe(false)
    const another = await room.key('another', 'rsa')
    expect(holds('rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-512', another.privateKey)).toBe(false)
  })

  it('is not verified with the nonce of something that passes as another type', async () => {
    const attacker = await room.key('attacker')
    const publicKey = attacker.publicKey.blob.subarray(-32)
    const blob = Buffer.concat([sshString('ssh-ed25519-cert-v01@openssh.com'), sshString(publicKey)])
    const signature = signatureValue(attacker.privateKey, 'ssh-ed25519', signed)
    for (const algo of ['ssh-ed25519', 'ssh-ed25519-cert-v00@openssh.com', 'ssh-ed25519-cert-v01@openssh.com'])
      expect(signatureHolds(login(algo, blob, signature)), algo).toBe(false)
    expect(signatureHolds(login('ssh-ed25519', attacker.publicKey.blob, signature))).toBe(true)
  })

  it('counts only with the certificate that the login names', async () => {
    const { blob } = await room.certify(await room.key('ca'), await room.key('user'))
    expect(offeredCertificate({ algo: 'ssh-ed25519', data: blob })).toBeUndefined()
    expect(offeredCertificate({ algo: 'ssh-ed25519-cert-v01@openssh.com', data: blob })).toMatchObject({ ok: true })
    expect(offeredCertificate({ algo: 'rsa-sha2-512-cert-v01@openssh.com', data: blob })).toMatchObject({
      ok: false,
      failure: { reason: 'malformed-certificate' },
    })
  })
})
