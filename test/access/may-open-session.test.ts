import { describe, expect, it } from 'vitest'
import { selectsDevice } from '../../src/access/device-selector.js'
import { matchesGlob } from '../../src/access/glob.js'
import { mayOpenSession } from '../../src/access/may-open-session.js'

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
    const start = performance.now()
    expect(matchesGlob(`${'*a'.repeat(500)}b`, 'a'.repeat(5000))).toBe(false)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

describe('mayOpenSession', () => {
  const roles = new Map([
    ['operator', { devices: ['*'] }],
    ['tokyo', { devices: ['lab-*', 'site=tokyo'] }],
    ['osaka', { devices: ['site=osaka'] }],
    ['nothing', { devices: [] }],
  ])

  it.each([
    [['operator'], 'operator'],
    [['osaka', 'tokyo'], 'tokyo'],
  ])('%j may', (names, role) => {
    expect(mayOpenSession({ name: 'ops', roles: names }, roles, router1)).toEqual({ allowed: true, role })
  })

  it.each([[[]], [['osaka']], [['nothing']], [['unknown']], [['constructor']]])('%j may not', (names) => {
    expect(mayOpenSession({ name: 'ops', roles: names }, roles, router1)).toEqual({
      allowed: false,
      reason: 'no role of user ops includes device router1',
    })
  })
})
