import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  generateTlsKey,
  signForItself,
  whyMadeAnew,
} from '../../../../src/northbound/http/server/self-signed-certificate.js'

const day = 24 * 60 * 60 * 1000
const names = ['bridge.example.net', 'localhost', '127.0.0.1', '::1']
const now = new Date('2026-03-01T12:00:00Z')
const key = await generateTlsKey()
const certificate = signForItself(key, names, now)

describe('a certificate that a key signs for itself', () => {
  const parsed = new X509Certificate(certificate)

  it('is of this key, for these names, and no CA', () => {
    expect(parsed.verify(parsed.publicKey)).toBe(true)
    expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(parsed.ca).toBe(false)
    expect(parsed.checkHost('bridge.example.net')).toBe('bridge.example.net')
    expect(parsed.checkHost('other.example.net')).toBeUndefined()
    expect([parsed.checkIP('127.0.0.1'), parsed.checkIP('::1')]).not.toContain(undefined)
    expect(Date.parse(parsed.validFrom)).toBe(now.getTime() - day)
    expect(parsed.serialNumber).not.toBe(new X509Certificate(signForItself(key, names, now)).serialNumber)
  })

  it.each([
    ['as it is', {}, undefined],
    ['a while before its end', { after: 794 }, undefined],
    ['shortly before its end', { after: 796 }, 'expires'],
    ['with one name fewer', { names: names.slice(1) }, undefined],
    ['with another name', { names: [...names, 'new.example.net'] }, 'names'],
    ['with another address', { names: [...names, '192.0.2.1'] }, 'names'],
    ['damaged', { certificate: 'nothing' }, 'unreadable'],
  ])('%s', (_, given: { after?: number; names?: string[]; certificate?: string }, why) => {
    const at = new Date(now.getTime() + (given.after ?? 0) * day)
    expect(whyMadeAnew({ key, certificate: given.certificate ?? certificate }, given.names ?? names, at)).toBe(why)
  })

  it('of another key is of no use', async () => {
    expect(whyMadeAnew({ key: await generateTlsKey(), certificate }, names, now)).toBe('unreadable')
  })
})
