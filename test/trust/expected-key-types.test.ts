import { describe, expect, it } from 'vitest'
import type { Claim } from '../../src/trust/claim.js'
import { expectedKeyTypes } from '../../src/trust/expected-key-types.js'
import { hostKey } from './support/host-keys.js'

const known = [
  { id: 'router1', pins: [hostKey(1, 'ssh-rsa'), hostKey(2, 'ssh-rsa')] },
  { id: 'router2', pins: [hostKey(3), hostKey(4, 'ecdsa-sha2-nistp256')] },
  { id: 'router3', pins: [], secret: 'any' },
]

describe('key exchange asks', () => {
  it.each<[string, Claim, readonly string[]]>([
    [
      'for the announced key, whatever is pinned',
      { form: 'junos', deviceIds: ['router2'], hostKey: hostKey(9, 'ssh-rsa') },
      ['ssh-rsa'],
    ],
    ['for what is pinned, each type once', { form: 'junos', deviceIds: ['router1'] }, ['ssh-rsa']],
    ['for all that are pinned', { form: 'junos', deviceIds: ['router2'] }, ['ssh-ed25519', 'ecdsa-sha2-nistp256']],
    ['for any key where nothing is pinned', { form: 'junos', deviceIds: ['router3'] }, []],
    ['for any key of an unknown device', { form: 'junos', deviceIds: ['router9'] }, []],
    [
      'for what is pinned for either id of a Calix device',
      { form: 'calix', deviceIds: ['x', 'router2'] },
      ['ssh-ed25519', 'ecdsa-sha2-nistp256'],
    ],
    [
      'for what is pinned for anyone where no id was claimed',
      { form: 'none', deviceIds: [] },
      ['ssh-rsa', 'ssh-ed25519', 'ecdsa-sha2-nistp256'],
    ],
  ])('%s', (_name, claim, types) => {
    expect(expectedKeyTypes(claim, known)).toEqual(types)
  })

  it('for any key while no device is known', () => {
    expect(expectedKeyTypes({ form: 'none', deviceIds: [] }, [])).toEqual([])
  })
})
