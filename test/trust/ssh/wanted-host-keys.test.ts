import { describe, expect, it } from 'vitest'
import { hashedKnownHostsLine, knownHostsLine } from '../../../src/ssh/known-hosts.js'
import type { Claim } from '../../../src/trust/claim.js'
import { wantedHostKeys } from '../../../src/trust/ssh/wanted-host-keys.js'
import { hostKey } from '../support/host-keys.js'
import { anchorsWith, knownDevice } from '../support/known-devices.js'
import { createKnownDevices } from '../../../src/trust/known-devices.js'

const known = [
  knownDevice('router1', { pins: [hostKey(1, 'ssh-rsa'), hostKey(2, 'ssh-rsa')] }),
  knownDevice('router2', { pins: [hostKey(3, 'ecdsa-sha2-nistp384'), hostKey(4, 'ecdsa-sha2-nistp256')] }),
  knownDevice('router3', { secret: 'any' }),
  knownDevice('router4', { aliases: ['R4.example'] }),
]

const ed25519 = 'ssh-ed25519'
const [p256, p384, p521] = ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521']
const rsa = ['rsa-sha2-512', 'rsa-sha2-256']
const usual = [ed25519, p256, p384, p521, ...rsa]
const certified = (names: readonly string[]): string[] => names.map((name) => `${name}-cert-v01@openssh.com`)

const junos = (id: string): Claim => ({ form: 'junos', deviceIds: [id] })
const nobody: Claim = { form: 'none', deviceIds: [] }

describe('key exchange asks', () => {
  it.each<[string, Claim, readonly string[]]>([
    [
      'for the announced key alone, whatever is pinned',
      { form: 'junos', deviceIds: ['router2'], hostKey: hostKey(9, 'ssh-rsa') },
      rsa,
    ],
    [
      'for nothing where the announced type is not accepted',
      { form: 'junos', deviceIds: ['router1'], hostKey: hostKey(9, 'ssh-dss') },
      [],
    ],
    ['first for what is pinned, each type once', junos('router1'), [...rsa, ed25519, p256, p384, p521]],
    ['first for all that are pinned', junos('router2'), [p384, p256, ed25519, p521, ...rsa]],
    ['for any key where nothing is pinned', junos('router3'), usual],
    ['for any key of an unknown device', junos('router9'), usual],
    [
      'first for what is pinned for either id of a Calix device',
      { form: 'calix', deviceIds: ['x', 'router2'] },
      [p384, p256, ed25519, p521, ...rsa],
    ],
    ['first for what is pinned for anyone where no id was claimed', nobody, [...rsa, p384, p256, ed25519, p521]],
  ])('%s', (_name, claim, algorithms) => {
    expect(wantedHostKeys(claim, createKnownDevices(known), anchorsWith())).toEqual(algorithms)
  })

  it('for any key while no device is known', () => {
    expect(wantedHostKeys(nobody, createKnownDevices([]), anchorsWith())).toEqual(usual)
  })

  it.each([
    ['by its id', 'router3', knownHostsLine(['router3'], hostKey(5, p521))],
    ['by an alias, in any case', 'router4', knownHostsLine(['r4.example'], hostKey(5, p521))],
    ['under the port of NETCONF', 'router3', knownHostsLine(['[router3]:830'], hostKey(5, p521))],
    ['hashed', 'router3', hashedKnownHostsLine('[router3]:830', hostKey(5, p521))],
    ['by a pattern', 'router3', knownHostsLine(['router*', '!router1'], hostKey(5, p521))],
  ])('first for what stands in known_hosts %s', (_how, id, line) => {
    expect(wantedHostKeys(junos(id), createKnownDevices(known), anchorsWith({ knownHosts: [line] }))).toEqual([
      p521,
      ed25519,
      p256,
      p384,
      ...rsa,
    ])
  })

  it('for nothing else because of a CA, a revoked key or another host in known_hosts', () => {
    const knownHosts = [
      knownHostsLine(['router3'], hostKey(5, p521), 'revoked'),
      knownHostsLine(['router1'], hostKey(6, p384)),
    ]
    expect(wantedHostKeys(junos('router3'), createKnownDevices(known), anchorsWith({ knownHosts }))).toEqual(usual)
    const ca = knownHostsLine(['*'], hostKey(7, p521), 'cert-authority')
    expect(wantedHostKeys(junos('router3'), createKnownDevices(known), anchorsWith({ knownHosts: [ca] }))).toEqual([
      ...certified(usual),
      ...usual,
    ])
  })

  it('for certificates first where a host CA is trusted, in the same order of types', () => {
    const anchors = anchorsWith({ knownHosts: [knownHostsLine(['*'], hostKey(7), 'cert-authority')] })
    const order = [...rsa, ed25519, p256, p384, p521]
    expect(wantedHostKeys(junos('router1'), createKnownDevices(known), anchors)).toEqual([
      ...certified(order),
      ...order,
    ])
    expect(
      wantedHostKeys(
        { form: 'junos', deviceIds: ['router1'], hostKey: hostKey(9, p256) },
        createKnownDevices(known),
        anchors,
      ),
    ).toEqual([...certified([p256]), p256])
  })
})
