import { scryptSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hashPassword, matchesPassword, parsePasswordHash } from '../../../src/access/authn/password-hash.js'

const cheap = { ln: 4, r: 8, p: 1 }

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

async function matches(password: string, text: string): Promise<boolean | undefined> {
  const parsed = parsePasswordHash(text)
  return parsed.ok ? matchesPassword(password, parsed.hash) : undefined
}

describe('hashPassword', () => {
  it('makes a PHC string of the default cost, never twice the same', async () => {
    const [one, two] = await Promise.all([hashPassword('secret'), hashPassword('secret')])
    expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(one).not.toBe(two)
    expect(await matches('secret', one)).toBe(true)
    expect(await matches('Secret', one)).toBe(false)
  })

  it('is scrypt as node has it', async () => {
    const salt = Buffer.from('0123456789abcdef')
    const by = scryptSync('pässwörd', salt, 32, { N: 16, r: 8, p: 1 })
    expect(await hashPassword('pässwörd', cheap, salt)).toBe(`$scrypt$ln=4,r=8,p=1$${unpadded(salt)}$${unpadded(by)}`)
  })
})

describe('matchesPassword', () => {
  // RFC 7914 §12: N=1024, r=8, p=16, "password", "NaCl"; its salt is shorter than ours may be, so the parts are given.
  it('agrees with RFC 7914', async () => {
    const hash = Buffer.from(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
      'hex',
    )
    const known = { cost: { ln: 10, r: 8, p: 16 }, salt: Buffer.from('NaCl'), hash }
    expect(await matchesPassword('password', known)).toBe(true)
    expect(await matchesPassword('passworD', known)).toBe(false)
  })

  it('takes any password', async () => {
    for (const password of ['', ' ', '\0', 'ü'.repeat(1000), '😀'])
      expect(await matches(password, await hashPassword(password, cheap))).toBe(true)
  })
})

describe('what is a password hash', () => {
  const salt = 'QZI+7dRqdxdXVs7dBMoKOg'
  const hash = '5V1jwr7R0lO/ilkojsSopCRZ/fPoljW+tvvxFOFPs0M'

  it.each([
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash}`, true],
    [`$scrypt$ln=17,r=8,p=1$${salt}$${hash}`, true],
    [`$scrypt$ln=17,r=8,p=2$${salt}$${hash}`, true],
    [`$scrypt$ln=1,r=1,p=1$${salt}$${hash}`, true],
    [`$scrypt$ln=17,r=8,p=3$${salt}$${hash}`, false],
    [`$scrypt$ln=18,r=8,p=1$${salt}$${hash}`, false],
    [`$scrypt$ln=15,r=33,p=1$${salt}$${hash}`, false],
    [`$scrypt$ln=99,r=99,p=99$${salt}$${hash}`, false],
    [`$scrypt$ln=0,r=8,p=1$${salt}$${hash}`, false],
    [`$scrypt$ln=15,r=0,p=1$${salt}$${hash}`, false],
    [`$scrypt$ln=15,r=8,p=0$${salt}$${hash}`, false],
    [`$scrypt$ln=100,r=8,p=1$${salt}$${hash}`, false],
    [`$scrypt$ln=15,r=8$${salt}$${hash}`, false],
    [`$scrypt$ln=15,r=8,p=1$${salt}`, false],
    [`$scrypt$ln=15,r=8,p=1$$${hash}`, false],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash}=`, false],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${hash}\n`, false],
    [`$scrypt$ln=15,r=8,p=1$${salt}$AAAA`, false],
    [`x$scrypt$ln=15,r=8,p=1$${salt}$${hash}`, false],
    ['', false],
  ])('%s: %s', (text, valid) => {
    expect(parsePasswordHash(text).ok).toBe(valid)
  })
})
