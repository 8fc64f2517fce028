import { describe, expect, it } from 'vitest'
import { createPenalties, type PenaltyRules } from '../../src/net/penalties.js'

const rules: PenaltyRules = {
  costs: { garbage: 10_000, timeout: 10_000, unfinished: 1_000, 'failed-login': 0 },
  minimum: 15_000,
  maximum: 60_000,
  maxTracked: 2,
  isExempt: (network) => network === 'exempt',
}

function start(changed: Partial<PenaltyRules> = {}) {
  const clock = { at: 0 }
  const penalties = createPenalties({ ...rules, ...changed }, () => clock.at)
  return { penalties, clock }
}

describe('a penalty', () => {
  it('keeps a source out once several have added up, for as long as their sum', () => {
    const { penalties, clock } = start()
    expect(penalties.punish('a', 'garbage')).toBeUndefined()
    expect(penalties.left('a')).toBe(0)
    expect(penalties.punish('a', 'garbage')).toBe(20_000)
    expect([penalties.left('a'), penalties.left('b')]).toEqual([20_000, 0])
    // It is told once.
    expect(penalties.punish('a', 'garbage')).toBeUndefined()
    clock.at = 29_999
    expect(penalties.left('a')).toBe(1)
    clock.at = 30_000
    expect(penalties.left('a')).toBe(0)
    // The next one begins anew.
    expect(penalties.punish('a', 'unfinished')).toBeUndefined()
    expect(penalties.left('a')).toBe(0)
  })

  it('is over by itself where offences come slower than they cost', () => {
    const { penalties, clock } = start()
    for (; clock.at < 600_000; clock.at += 2_000) penalties.punish('monitor', 'unfinished')
    expect(penalties.left('monitor')).toBe(0)
  })

  it('is never longer than the maximum', () => {
    const { penalties } = start()
    for (let at = 0; at < 100; at += 1) penalties.punish('a', 'garbage')
    expect(penalties.left('a')).toBe(60_000)
  })

  it('is for nobody who is exempt, and of what costs nothing', () => {
    const { penalties } = start()
    for (let at = 0; at < 100; at += 1) {
      penalties.punish('exempt', 'garbage')
      penalties.punish('a', 'failed-login')
    }
    expect([penalties.left('exempt'), penalties.left('a')]).toEqual([0, 0])
  })

  it('is forgotten where more sources are penalised than are remembered, and holds over a reload', () => {
    const { penalties } = start()
    for (const network of ['a', 'b', 'c']) {
      penalties.punish(network, 'garbage')
      penalties.punish(network, 'garbage')
    }
    expect(['a', 'b', 'c'].map((network) => penalties.left(network) > 0)).toEqual([false, true, true])
    penalties.configure({ ...rules, maxTracked: 10 })
    expect(penalties.left('c')).toBe(20_000)
    penalties.configure({ ...rules, isExempt: () => true })
    expect(penalties.left('c')).toBe(0)
  })
})
