import { describe, expect, it } from 'vitest'
import { createEngineTime } from '../../src/cluster/engine-time.js'

describe('the time of the engine', () => {
  it('is that of the quickest answer, to half its way there and back', () => {
    const time = createEngineTime(() => 2_000)
    expect(time.error()).toBe(Number.POSITIVE_INFINITY)
    time.answered({ asked: 1_000, answered: 1_100, engineNow: 1_700_000_000_090 })
    expect(time.error()).toBe(50)
    time.answered({ asked: 1_200, answered: 1_204, engineNow: 1_700_000_000_202 })
    expect(time.error()).toBe(2)
    expect(time.now()).toBe(1_700_000_001_000)
    time.answered({ asked: 1_300, answered: 1_340, engineNow: 1_700_000_000_310 })
    expect(time.now()).toBe(1_700_000_001_000)
  })

  it('is another one at once where an answer cannot be true beside those before', () => {
    const time = createEngineTime(() => 10_000)
    time.answered({ asked: 1_000, answered: 1_002, engineNow: 1_700_000_000_000 })
    // A standby whose clock is ten seconds ahead.
    time.answered({ asked: 2_000, answered: 2_030, engineNow: 1_700_000_011_015 })
    expect(time.now()).toBe(1_700_000_019_000)
    expect(time.error()).toBe(15)
  })

  it('forgets how quick an answer was after eight others, because clocks drift', () => {
    const time = createEngineTime(() => 0)
    time.answered({ asked: 0, answered: 2, engineNow: 1 })
    for (let at = 1; at <= 8; at += 1)
      time.answered({ asked: at * 1_000, answered: at * 1_000 + 20, engineNow: at * 1_000 + 10 })
    expect(time.error()).toBe(10)
  })
})
