import { describe, expect, it } from 'vitest'
import { selectsDevice } from '../../../src/access/authz/device-selector.js'
import { matchesGlob } from '../../../src/lib/glob.js'
import { permissionOn } from '../../../src/access/authz/permission.js'
import type { Role } from '../../../src/access/authz/role.js'
import { growthOf, IN_PROPORTION } from '../../support/growth.js'

const router1 = { id: 'router1', labels: { site: 'Tokyo', rack: '12' } }

describe('a selector', () => {
  it.each([
    ['*', true],
    ['router1', true],
    ['ROUTER1', true],
    ['router?', true],
    ['r*1', true],
    ['router', false],
    ['router1?', false],
    ['site=tokyo', true],
    ['site=to*', true],
    ['site=*', true],
    ['site=', false],
    ['site=osaka', false],
    ['Site=tokyo', false],
    ['role=*', false],
    ['constructor=*', false],
    ['rack=1?', true],
  ])('%s: %s', (selector, selected) => {
    expect(selectsDevice(selector, router1)).toBe(selected)
  })
})

describe('a glob', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['?', '', false],
    ['**', 'abc', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['*.example', 'x.example', true],
    ['*.example', 'xyexample', false],
    ['[ab]', 'a', false],
    ['[ab]', '[AB]', true],
    ['rack ?/slot *', 'rack 7/slot 3', true],
    ['?', '😀', true],
    ['É*', 'école', true],
  ])('%j on %j: %s', (pattern, text, matched) => {
    expect(matchesGlob(pattern, text)).toBe(matched)
  })

  it('takes no time on a hostile pattern', () => {
    // It may grow with the pattern, and with the text.
    const growth = growthOf(500, (size) => {
      const text = 'a'.repeat(size)
      return () => expect(matchesGlob(`${'*a'.repeat(50)}b`, text)).toBe(false)
    })
    expect(growth).toBeLessThan(IN_PROPORTION)
    expect(matchesGlob(`${'*a'.repeat(500)}b`, 'a'.repeat(5000))).toBe(false)
  })
})

describe('a permission', () => {
  const role = (devices: readonly string[], more: Partial<Role> = {}): Role => ({
    devices,
    operations: [{ effect: 'allow', name: '*' }],
    channels: ['netconf'],
    api: [],
    ...more,
  })
  const get = [{ effect: 'allow', name: 'get' }] as const
  const roles = new Map([
    ['operator', role(['*'])],
    ['tokyo', role(['lab-*', 'site=tokyo'])],
    ['osaka', role(['site=osaka'])],
    ['nothing', role([])],
    ['viewer', role(['*'], { operations: get })],
    ['shell', role(['*'], { operations: [], channels: ['shell'] })],
  ])
  const decide = (names: readonly string[]) => permissionOn({ name: 'ops', roles: names }, roles, router1)

  it.each([
    [['operator'], ['operator']],
    [['osaka', 'tokyo'], ['tokyo']],
    [
      ['tokyo', 'operator'],
      ['tokyo', 'operator'],
    ],
  ])('%j may by %j', (names, selecting) => {
    expect(decide(names)).toMatchObject({
      allowed: true,
      permission: { roles: selecting, operations: { kind: 'all' } },
    })
  })

  it.each([[[]], [['osaka']], [['nothing']], [['unknown']], [['constructor']]])('%j may not', (names) => {
    expect(decide(names)).toEqual({ allowed: false, reason: 'no role of user ops includes device router1' })
  })

  it('joins the rules and the channels of its roles', () => {
    expect(decide(['viewer', 'shell'])).toEqual({
      allowed: true,
      permission: {
        roles: ['viewer', 'shell'],
        operations: { kind: 'rules', roles: [get, []] },
        channels: new Set(['netconf', 'shell']),
      },
    })
    expect(decide(['viewer', 'operator'])).toMatchObject({ permission: { operations: { kind: 'all' } } })
  })
})
