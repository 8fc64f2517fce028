import { describe, expect, it } from 'vitest'
import { editDistance, nearestName } from '../../src/config/nearest-name.js'
import { printed, problemsOf } from './parse-text.js'

describe('unknown keys', () => {
  it('are refused at their place, with the nearest known name', () => {
    expect(problemsOf('endpont:\n  ssh: {}\nendpoint:\n  ssh:\n    prot: 830\n    adress: "::"\n')).toEqual([
      '1:1: endpont: unknown key `endpont`; did you mean `endpoint`?',
      '5:5: endpoint.ssh.prot: unknown key `prot`; did you mean `port`?',
      '6:5: endpoint.ssh.adress: unknown key `adress`; did you mean `address`?',
    ])
  })

  it('name what is known when nothing is near', () => {
    expect(printed('log:\n  colour: blue\n')).toBe(
      'config/homeport.yaml:2:3: log.colour: unknown key `colour`\n    known here: level, format',
    )
  })

  it.each([
    'call-home: { tls: { port: 4335 } }',
    'endpoint: { http: { port: 8080 } }',
    'trust: { known-hosts: known_hosts }',
    'credentials: { a: { username: x, password: y, certificate: z } }',
  ])('of later versions are refused too: %s', (text) => {
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
      '2:3: credentials.default: neither a password nor a private key',
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
