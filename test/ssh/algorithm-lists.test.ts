import { describe, expect, it } from 'vitest'
import { DEFAULT_ALGORITHMS, knownAlgorithms, LEGACY_ALGORITHMS, weakAmong } from '../../src/ssh/algorithm-catalogue.js'
import { changeAlgorithms } from '../../src/ssh/algorithm-list.js'
import { resolveAlgorithms } from '../../src/ssh/algorithm-sets.js'
import { ALGORITHM_KINDS, keyExchangesOf, offeredAlgorithms } from '../../src/ssh/algorithms.js'
import { connectClient } from '../../src/ssh/ssh2/certificates.js'
import { requireSsh2 } from '../../src/ssh/ssh2/load.js'
import { growthOf, IN_PROPORTION } from '../support/growth.js'

const BASE = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr']

describe('a list of algorithms', () => {
  it.each([
    ['aes256-ctr', ['aes256-ctr']],
    ['aes256-ctr, aes128-ctr ,aes256-ctr', ['aes256-ctr', 'aes128-ctr']],
    ['+aes128-cbc,aes128-ctr', [...BASE, 'aes128-cbc']],
    ['^aes256-ctr,aes128-cbc', ['aes256-ctr', 'aes128-cbc', 'aes128-ctr', 'aes192-ctr']],
    ['-aes192-ctr', ['aes128-ctr', 'aes256-ctr']],
    ['-aes???-ctr', []],
    ['-*256*,aes128*', ['aes192-ctr']],
    ['-*nothing*', BASE],
    ['-3des-cbc', BASE],
  ])('%s changes it as ssh_config does', (written, names) => {
    expect(changeAlgorithms('ciphers', BASE, written)).toEqual({ ok: true, names })
  })

  it.each([
    ['+aes128-crt', { name: 'aes128-crt', near: 'aes128-ctr' }],
    ['-aes128-crt', { name: 'aes128-crt', near: 'aes128-ctr' }],
    ['aes*', { name: 'aes*' }],
    ['+none', { name: 'none', why: 'it protects nothing' }],
    ['NONE', { name: 'NONE' }],
    ['', { name: '' }],
    ['^', { name: '' }],
    ['++aes128-ctr', { name: '+aes128-ctr', near: 'aes128-ctr' }],
  ])('%s names what there is not', (written, unknown) => {
    expect(changeAlgorithms('ciphers', BASE, written)).toMatchObject({ ok: false, unknown: [unknown] })
  })

  it('takes no time that grows with more than its length', () => {
    const growth = growthOf(10_000, (size) => {
      const written = `-${'*a'.repeat(size)}`
      return () => changeAlgorithms('ciphers', BASE, written)
    })
    expect(growth).toBeLessThan(IN_PROPORTION)
  })
})

describe('the sets', () => {
  it('that is usual has nothing weak', () => {
    expect(weakAmong(DEFAULT_ALGORITHMS)).toEqual([])
  })

  it('legacy is the usual one with more behind it, and nothing of it is broken', () => {
    for (const kind of ALGORITHM_KINDS) {
      expect(LEGACY_ALGORITHMS[kind].slice(0, DEFAULT_ALGORITHMS[kind].length)).toEqual(DEFAULT_ALGORITHMS[kind])
      expect(LEGACY_ALGORITHMS[kind].join()).not.toMatch(/group1-|md5|3des|dss|-96|arcfour/)
    }
  })

  it('have no cipher or MAC that is none, whatever is asked for', () => {
    for (const kind of ['ciphers', 'macs'] as const) expect(knownAlgorithms(kind)).not.toContain('none')
    const { lists, faults } = resolveAlgorithms({ set: 'legacy', ciphers: 'none', macs: '+none' })
    expect(faults.map(({ key }) => key)).toEqual(['ciphers', 'macs'])
    expect(
      Object.values(offeredAlgorithms('server', lists))
        .flat()
        .filter((name) => name === 'none'),
    ).toEqual(['none'])
    expect(offeredAlgorithms('server', lists).compress).toEqual(['none'])
  })

  it('have only what ssh2 has here', () => {
    // What it was taught came with what connects by it.
    expect(connectClient).toBeTypeOf('function')
    const constants = requireSsh2('ssh2/lib/protocol/constants.js') as Readonly<Record<string, readonly string[]>>
    expect(constants['SUPPORTED_KEX']).toEqual(expect.arrayContaining([...knownAlgorithms('kexAlgorithms')]))
    expect(constants['SUPPORTED_CIPHER']).toEqual(expect.arrayContaining([...knownAlgorithms('ciphers')]))
    expect(constants['SUPPORTED_MAC']).toEqual(expect.arrayContaining([...knownAlgorithms('macs')]))
    // Where nobody changes the ciphers, ssh2's own order holds.
    expect(constants['DEFAULT_CIPHER']?.toSorted()).toEqual(DEFAULT_ALGORITHMS.ciphers.toSorted())
  })

  it('have no group exchange towards clients, for which ssh2 has none', () => {
    expect(keyExchangesOf('client', LEGACY_ALGORITHMS.kexAlgorithms).join()).toContain('group-exchange')
    expect(keyExchangesOf('server', LEGACY_ALGORITHMS.kexAlgorithms).join()).not.toContain('group-exchange')
  })

  it.each(['client', 'server'] as const)('have ML-KEM first, as a %s offers it where nobody says otherwise', (role) => {
    const best = 'mlkem768x25519-sha256'
    for (const { kexAlgorithms } of [DEFAULT_ALGORITHMS, LEGACY_ALGORITHMS]) expect(kexAlgorithms[0]).toBe(best)
    expect(offeredAlgorithms(role).kex[0]).toBe(best)
    expect(offeredAlgorithms(role)).toEqual(offeredAlgorithms(role, DEFAULT_ALGORITHMS))
  })

  it.each([
    ['-mlkem*,sntrup*', { client: 'curve25519-sha256', server: 'curve25519-sha256' }],
    ['^curve25519-sha256', { client: 'curve25519-sha256', server: 'curve25519-sha256' }],
    ['+mlkem768x25519-sha256', { client: 'mlkem768x25519-sha256', server: 'mlkem768x25519-sha256' }],
    ['^sntrup761x25519-sha512', { client: 'mlkem768x25519-sha256', server: 'sntrup761x25519-sha512' }],
  ] as const)('take %s of what a quantum computer does not break', (kexAlgorithms, { client, server }) => {
    const { lists, faults } = resolveAlgorithms({ kexAlgorithms })
    expect(faults).toEqual([])
    expect(offeredAlgorithms('client', lists).kex[0]).toBe(client)
    expect(offeredAlgorithms('server', lists).kex[0]).toBe(server)
  })

  it('have no Streamlined NTRU Prime towards devices, whatever is asked for', () => {
    const { lists } = resolveAlgorithms({ kexAlgorithms: 'sntrup761x25519-sha512,curve25519-sha256' })
    expect(offeredAlgorithms('client', lists).kex).toEqual(['curve25519-sha256'])
  })
})
