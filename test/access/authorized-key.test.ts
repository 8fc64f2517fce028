import { describe, expect, it } from 'vitest'
import { isAuthorizedKey } from '../../src/access/authorized-key.js'

const key = { type: 'ssh-ed25519', blob: Buffer.from('one') }
const user = {
  name: 'ops',
  principals: [],
  roles: [],
  authorizedKeys: [{ type: 'ssh-rsa', blob: Buffer.from('other') }, key],
}

describe('an authorized key', () => {
  it('is one of the user, of the same type', () => {
    expect(isAuthorizedKey(user, { type: 'ssh-ed25519', blob: Buffer.from('one') })).toBe(true)
    expect(isAuthorizedKey(user, { type: 'ssh-rsa', blob: Buffer.from('one') })).toBe(false)
    expect(isAuthorizedKey(user, { type: 'ssh-ed25519', blob: Buffer.from('two') })).toBe(false)
    expect(isAuthorizedKey(user, { type: 'ssh-ed25519', blob: Buffer.from('on') })).toBe(false)
    expect(isAuthorizedKey(undefined, key)).toBe(false)
  })
})
