import { describe, expect, it } from 'vitest'
import { hmacVouches, initiationHmac } from '../../../src/trust/ssh/initiation-hmac.js'

const secret = 's3cret'
const line = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB'
const hmac = '316011e4df155a59594ea4076509852ffb863ddc'

describe('the HMAC of an initiation sequence', () => {
  it('is as Junos makes it', () => {
    expect(initiationHmac(secret, line)).toBe(hmac)
  })

  it.each([
    ['in lower case', hmac],
    ['in upper case', hmac.toUpperCase()],
    ['in both', `${hmac.slice(0, 20)}${hmac.slice(20).toUpperCase()}`],
  ])('vouches %s', (_name, announced) => {
    expect(hmacVouches(secret, line, announced)).toBe(true)
  })

  it.each([
    ['nothing', ''],
    ['one digit too few', hmac.slice(1)],
    ['one digit too many', `${hmac}0`],
    ['twice the right one', hmac + hmac],
    ['another digit', `0${hmac.slice(1)}`],
    ['other characters of the same length', 'é'.repeat(40)],
    ['characters that shrink or grow with their case', 'İ'.repeat(40)],
  ])('does not vouch as %s', (_name, announced) => {
    expect(hmacVouches(secret, line, announced)).toBe(false)
  })

  it.each([
    ['another secret', 's3creT', line],
    ['no secret', '', line],
    ['another key', secret, `${line}x`],
    ['a comment after the key', secret, `${line} comment`],
    ['a line end after the key', secret, `${line}\r\n`],
    ['secret and key swapped', line, secret],
  ])('does not vouch for %s', (_name, otherSecret, otherLine) => {
    expect(hmacVouches(otherSecret, otherLine, hmac)).toBe(false)
  })

  it('takes a secret beyond ASCII as UTF-8', () => {
    expect(hmacVouches('pässwörd', line, initiationHmac('pässwörd', line))).toBe(true)
  })
})
