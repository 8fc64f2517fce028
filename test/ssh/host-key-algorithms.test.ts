import { describe, expect, it } from 'vitest'
import { hostKeyAlgorithmsFor } from '../../src/ssh/host-key-algorithms.js'

const all = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

describe('the host key algorithms', () => {
  it.each([
    [[], all],
    [['ssh-rsa'], ['rsa-sha2-512', 'rsa-sha2-256']],
    [['ssh-ed25519'], ['ssh-ed25519']],
    [
      ['ssh-rsa', 'ssh-ed25519'],
      ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'],
    ],
    [['ecdsa-sha2-nistp521'], ['ecdsa-sha2-nistp521']],
    [
      ['ssh-rsa', 'ssh-dss'],
      ['rsa-sha2-512', 'rsa-sha2-256'],
    ],
    [['ssh-dss'], []],
    [['rsa-sha2-512'], []],
    [['sk-ssh-ed25519@openssh.com', ''], []],
  ])('for keys of %j are %j', (types, algorithms) => {
    expect(hostKeyAlgorithmsFor(types)).toEqual(algorithms)
    expect(hostKeyAlgorithmsFor(types)).not.toContain('ssh-rsa')
  })

  it('are a list of its own each time', () => {
    hostKeyAlgorithmsFor([]).length = 0
    expect(hostKeyAlgorithmsFor([])).toEqual(all)
  })
})
