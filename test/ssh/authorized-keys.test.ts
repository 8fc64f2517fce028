import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromAllows, parseAuthorizedKeyLine } from '../../src/ssh/authorized-keys.js'
import { certificateLine } from '../../src/ssh/certificate.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from './ssh-keygen.js'

let room: KeyRoom
let key: KeyPair
beforeAll(async () => {
  room = await makeKeyRoom()
  key = await room.key('user')
})
afterAll(() => room.remove())

function optionsOf(options: string): unknown {
  const parsed = parseAuthorizedKeyLine(`${options} ${key.line}`)
  return parsed.ok ? parsed.authorized.options : parsed.failure.reason
}

describe('reading a line of authorized_keys', () => {
  it('reads a bare key', () => {
    expect(parseAuthorizedKeyLine(key.line)).toEqual({
      ok: true,
      authorized: { key: key.publicKey, options: { certAuthority: false, restrict: false } },
    })
  })

  it('reads options in either case, with quotation marks, commas and blanks in values', () => {
    expect(
      optionsOf(String.raw`Cert-Authority,from="10.0.0.0/8, !10.1.*",command="echo \"a, b\"",restrict,no-pty`),
    ).toEqual({
      certAuthority: true,
      restrict: true,
      noTerminal: true,
      noForwarding: true,
      from: ['10.0.0.0/8', '!10.1.*'],
      command: 'echo "a, b"',
    })
    expect(optionsOf('principals="netops,ops"')).toMatchObject({ principals: ['netops', 'ops'] })
    expect(optionsOf('expiry-time="20270102030405Z"')).toMatchObject({ expires: new Date('2027-01-02T03:04:05Z') })
    expect(optionsOf('expiry-time="20270102"')).toMatchObject({ expires: new Date('2027-01-02T00:00:00') })
  })

  it('knows whether there may be a terminal, or a way through', () => {
    expect(optionsOf('no-pty')).toMatchObject({ restrict: false, noTerminal: true })
    expect(optionsOf('restrict')).toMatchObject({ restrict: true, noTerminal: true })
    expect(optionsOf('restrict,pty')).toMatchObject({ restrict: true, noTerminal: false, noForwarding: true })
    expect(optionsOf('no-port-forwarding')).toMatchObject({ restrict: false, noForwarding: true })
    expect(optionsOf('restrict,port-forwarding')).toMatchObject({ noTerminal: true, noForwarding: false })
  })

  it('refuses options that it does not know, since they may restrict', () => {
    for (const option of [
      'permitopen="192.0.2.1:22"',
      'environment="A=b"',
      'sudo',
      'from',
      'restrict="yes"',
      'tunnel="0"',
    ])
      expect(optionsOf(option), option).toBe('unknown-option')
  })

  it('refuses malformed options', () => {
    for (const option of [
      'from="10.0.0.0/8',
      'from="a",,restrict',
      'from="a"restrict',
      'from="a",from="b"',
      'from=""',
      'from="10.0.0.1/8"',
      'from="*,!2001:db8::/129"',
      'expiry-time="soon"',
      'expiry-time="20271332"',
    ])
      expect(optionsOf(option), option).toBe('malformed-authorized-key')
  })

  it('takes no certificate for a key', async () => {
    const certificate = certificateLine(await room.certify(await room.key('ca'), key))
    for (const line of [certificate, `cert-authority ${certificate}`])
      expect(parseAuthorizedKeyLine(line), line).toMatchObject({
        ok: false,
        failure: { reason: 'certificate', message: expect.stringContaining('a certificate instead of a public key') },
      })
  })

  it('says what is wrong with a line that is no key', () => {
    for (const line of ['', 'ssh-ed25519', 'ssh-ed25519 AAAA', `ssh-rsa ${key.publicKey.blob.toString('base64')}`])
      expect(parseAuthorizedKeyLine(line), line).toMatchObject({
        ok: false,
        failure: { reason: 'malformed-authorized-key' },
      })
  })
})

describe('from=', () => {
  it('matches addresses, networks and patterns', () => {
    for (const pattern of ['192.0.2.7', '192.0.2.*', '192.0.2.0/24', '*', '!198.51.100.1,192.0.?.7'])
      expect(fromAllows(pattern.split(','), '::ffff:192.0.2.7'), pattern).toBe(true)
    for (const pattern of ['192.0.2.8', '192.0.2.0/30', '2001:db8::/32', '*.example.net', '!198.51.100.1'])
      expect(fromAllows(pattern.split(','), '192.0.2.7'), pattern).toBe(false)
    expect(fromAllows(['2001:db8::/32'], '2001:db8:0:1::7')).toBe(true)
    expect(fromAllows(['2001:db8::/33'], '2001:db8:8000::7')).toBe(false)
  })

  it('matches a host name when one is known', () => {
    expect(fromAllows(['*.example.net'], '192.0.2.7', 'nms.example.net')).toBe(true)
    expect(fromAllows(['*.example.net', '!nms.example.net'], '192.0.2.7', 'nms.example.net')).toBe(false)
  })

  it('refuses where a negated pattern fits, wherever it stands', () => {
    expect(fromAllows(['10.0.0.0/8', '!10.1.0.0/16'], '10.1.2.3')).toBe(false)
    expect(fromAllows(['!10.1.*', '10.0.0.0/8'], '10.1.2.3')).toBe(false)
    expect(fromAllows(['!10.1.*', '10.0.0.0/8'], '10.2.2.3')).toBe(true)
  })
})
