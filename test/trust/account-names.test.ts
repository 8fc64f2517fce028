import { describe, expect, it } from 'vitest'
import { accountFault } from '../../src/trust/account-name.js'

describe('the account of a user on a device', () => {
  it.each(['noc1', 'Jane.Doe', 'jane@example.net', 'a-b_c+d', 'HOST$', '_svc', '1st', 'x'.repeat(64)])(
    'may be called %s',
    (name) => {
      expect(accountFault(name, 'netconf')).toBeUndefined()
    },
  )

  it.each([
    ['', /other characters/],
    ['x'.repeat(65), /longer than 64/],
    ['a,b', /other characters/],
    ['a b', /other characters/],
    ['-oProxyCommand=x', /other characters/],
    ['.profile', /other characters/],
    ['@admin', /other characters/],
    ['a\nb', /other characters/],
    ['noc1\n', /other characters/],
    ['a\u0000', /other characters/],
    ['a/../root', /other characters/],
    ['*', /other characters/],
    ['dömain', /other characters/],
    ['a\u202Eb', /other characters/],
    ['root', /root/],
    ['netconf', /of the bridge itself/],
  ])('is never called %j', (name, why) => {
    expect(accountFault(name, 'netconf')).toMatch(why)
  })
})
