import { describe, expect, it } from 'vitest'
import { authorizedKeysLike } from '../../../src/access/authn/authorized-key.js'

const key = { type: 'ssh-ed25519', blob: Buffer.from('one') }
const again = { ...key, options: { certAuthority: false, from: ['10.0.0.0/8'] } }
const user = {
  name: 'ops',
  principals: [],
  roles: [],
  authorizedKeys: [{ type: 'ssh-rsa', blob: Buffer.from('other') }, key, again],
}

describe('the authorized keys like one that is offered', () => {
  it('are those of the user, of the same type', () => {
    expect(authorizedKeysLike(user, { type: 'ssh-ed25519', blob: Buffer.from('one') })).toEqual([key, again])
    expect(authorizedKeysLike(user, { type: 'ssh-rsa', blob: Buffer.from('one') })).toEqual([])
    expect(authorizedKeysLike(user, { type: 'ssh-ed25519', blob: Buffer.from('two') })).toEqual([])
    expect(authorizedKeysLike(user, { type: 'ssh-ed25519', blob: Buffer.from('on') })).toEqual([])
    expect(authorizedKeysLike(undefined, key)).toEqual([])
  })
})
