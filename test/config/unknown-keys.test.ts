import { describe, expect, it } from 'vitest'
import { editDistance, nearestName } from '../../src/lib/nearest-name.js'
import { printed, problemsOf } from './parse-text.js'

describe('unknown keys', () => {
  it('are refused at their place, with the nearest known name', () => {
    expect(problemsOf('endpont:\n  ssh: {}\nendpoint:\n  ssh:\n    prot: 830\n    adress: "::"\n')).toEqual([
      '1:1: endpont: unknown key `endpont`; did you mean `endpoint`?',
      '5:5: endpoint.ssh.prot: unknown key `prot`; did you mean `port`?',
      '6:5: endpoint.ssh.adress: unknown key `adress`; did you mean `address`?',
    ])
  })

  it('of trust, credentials, users and the endpoint have near ones too', () => {
    const text = `trust: { known_hosts: a, first-us: pend, max-pending-per-sorce: 1 }
credentials: { a: { username: a, password: b, certficate: c, user-ca-passphase: d } }
users: [{ name: a, principal: [b] }]
endpoint: { ssh: { trusted-user-ca-key: [a], revokd-keys: [b], host-certificate: [c] } }
`
    expect(problemsOf(text)).toEqual([
      '1:10: trust.known_hosts: unknown key `known_hosts`; did you mean `known-hosts`?',
      '1:26: trust.first-us: unknown key `first-us`; did you mean `first-use`?',
      '1:42: trust.max-pending-per-sorce: unknown key `max-pending-per-sorce`; did you mean `max-pending-per-source`?',
      '2:47: credentials.a.certficate: unknown key `certficate`; did you mean `certificate`?',
      '2:62: credentials.a.user-ca-passphase: unknown key `user-ca-passphase`; did you mean `user-ca-passphrase`?',
      '3:20: users[0].principal: unknown key `principal`; did you mean `principals`?',
      '4:20: endpoint.ssh.trusted-user-ca-key: unknown key `trusted-user-ca-key`; did you mean `trusted-user-ca-keys`?',
      '4:46: endpoint.ssh.revokd-keys: unknown key `revokd-keys`; did you mean `revoked-keys`?',
      '4:64: endpoint.ssh.host-certificate: unknown key `host-certificate`; did you mean `host-certificates`?',
    ])
  })

  it('name what is known when nothing is near', () => {
    expect(printed('log:\n  colour: blue\n')).toBe(
      'config/homeport.yaml:2:3: log.colour: unknown key `colour`\n    known here: level, format',
    )
  })

  it.each([
    ['known-hosts: a', '`known-hosts` belongs into `trust`'],
    ['endpoint: { ssh: { first-use: pend } }', '`first-use` belongs into `trust`'],
    ['endpoint: { http: { max-lost-chanels: 3 } }', '`max-lost-channels` belongs into `link`'],
    ['devices: [{ id: a, roles: [x] }]', '`roles` belongs into `users[]` or the top of the file'],
    ['devices: [{ id: a, endpoint: { host-keys: [x] } }]', '`host-keys` belongs into `endpoint.ssh` or `devices[]`'],
    ['credentials: { a: { username: u, password: p, level: x } }', '`level` belongs into `log`'],
    [
      'roles: { a: { devices: ["*"], operations: ["*"], endpoint: 1 } }',
      '`endpoint` belongs into the top of the file, `devices[]` or `traces`',
    ],
    ['webhooks: [{ url: "https://a.example/", secret: s, max-calls: 1 }]', '`max-calls` belongs into `endpoint.http`'],
    [
      'port: 830',
      '`port` belongs into `call-home.ssh`, `endpoint.ssh`, `endpoint.ssh.legacy`, `endpoint.http` or `devices[].endpoint`',
    ],
  ])('that stand in the wrong place are sent to the right one, at any depth: %s', (text, hint) => {
    expect(printed(text)).toContain(`unknown key`)
    expect(printed(text).split('\n    ')).toContain(hint)
  })

  it('that a known one begins with, or that are known elsewhere too, are told both', () => {
    expect(printed('users: [{ name: a, password: b }]')).toContain(
      'users[0].password: unknown key `password`; did you mean `password-hash`?\n    `password` belongs into `credentials.NAME`',
    )
    expect(printed('endpoint: { ssh: { max-sessions: 3 } }')).toContain(
      'unknown key `max-sessions`; did you mean `max-sessions-per-connection`?\n' +
        '    `max-sessions` belongs into `endpoint.http`, `link` or `devices[]`',
    )
  })

  it.each(['call-home: { tls: { port: 4335 } }'])('of later versions are refused too: %s', (text) => {
    expect(problemsOf(text)).toEqual([expect.stringContaining('unknown key')])
  })

  it.each(['constructor', 'toString', 'hasOwnProperty', '"a\\nb"', '"\\e[31m"'])('cannot be %s', (key) => {
    const text = printed(`${key}: 1`)
    expect(text).toContain('unknown key')
    expect(text.split('\n')).toHaveLength(2)
    expect(text).not.toContain('\u001b')
  })

  it('that are not words are not shown, they may be the remains of a value', () => {
    const text = 'credentials:\n  default:\n    username: a\n    password:hunter2  x: 1\n    pass word: 1\n'
    expect(problemsOf(text)).toEqual([
      '2:3: credentials.default: nothing to log in with, neither a key nor a password',
      '4:5: credentials.default: an unknown key that is not a word',
      '5:5: credentials.default: an unknown key that is not a word; did you mean `password`?',
    ])
  })

  it('cannot be __proto__', () => {
    expect(problemsOf('__proto__: { a: 1 }\nroles:\n  __proto__: { devices: ["*"], operations: ["*"] }')).toEqual([
      '1:1: a key of this name is not allowed',
      '3:3: roles: a key of this name is not allowed',
    ])
  })
})

describe('nearestName', () => {
  it.each([
    ['endpont', 'endpoint'],
    ['usres', 'users'],
    ['Link', 'link'],
    ['xyz', undefined],
  ])('%s: %s', (typed, near) => {
    expect(nearestName(typed, ['link', 'endpoint', 'users', 'log'])).toBe(near)
  })

  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['prot', 'port', 1],
  ])('%j to %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })
})
