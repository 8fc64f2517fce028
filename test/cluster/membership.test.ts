import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SYSTEM_CLOCK } from '../../src/cluster/cluster-clock.js'
import { type Beat, EngineFailure, type NodeRecord } from '../../src/cluster/engine.js'
import { createEngineTime } from '../../src/cluster/engine-time.js'
import { createMembership } from '../../src/cluster/membership.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const record: NodeRecord = {
  node: 'a',
  address: '192.0.2.1:4350',
  state: 'up',
  version: '0',
  configHash: '',
  hostKeyFingerprint: '',
}
const limits = { heartbeat: 1_000, lease: 6_000, verify: 60_000 }

/** A member whose engine answers what the test says. */
function make() {
  const told: string[] = []
  let answer: () => Promise<Beat> = () => Promise.resolve(beat())
  const beat = (changed: Partial<Beat> = {}): Beat => ({
    now: Date.now(),
    nodes: [
      { ...record, incarnation: 1, seenAgo: 0 },
      { ...record, node: 'b', incarnation: 4, seenAgo: 700 },
    ],
    superseded: false,
    engine: 'first',
    ...changed,
  })
  const member = createMembership({
    life: { node: 'a', incarnation: 1 },
    record: () => record,
    engine: { beat: () => answer() },
    clock: SYSTEM_CLOCK,
    time: createEngineTime(SYSTEM_CLOCK.now),
    limits,
    gap: (kind) => told.push(kind),
    nodes: (others) => told.push(`others: ${others.map(({ node }) => node).join(' ')}`),
    superseded: () => told.push('superseded'),
    engineChanged: (failure) => told.push(failure === undefined ? 'engine answers' : failure.message),
  })
  const away = (): Promise<Beat> => Promise.reject(new EngineFailure('engine is away', 'wait'))
  return {
    member,
    /** What was told since the last time that it was asked. */
    told: () => told.splice(0),
    answers: (next: () => Promise<Beat>) => {
      answer = next
    },
    beat,
    away,
  }
}

describe('membership', () => {
  it('says that the node is there once a heartbeat, and hears who else is', async () => {
    const { member, told } = make()
    await vi.advanceTimersByTimeAsync(2_500)
    expect(told()).toEqual(['others: b', 'others: b', 'others: b'])
    expect(member.seenAgo('b')).toBe(1_200)
    expect(member.seenAgo('c')).toBeUndefined()
    member.close()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(told()).toEqual([])
  })

  it('tells once that the engine is away, goes on asking, and has all verified when it is back', async () => {
    const { member, told, answers, beat, away } = make()
    await vi.advanceTimersByTimeAsync(0)
    told()
    answers(away)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(told()).toEqual(['engine is away'])
    expect(member.engineIsUp()).toBe(false)
    // While the engine sees nobody, nobody has been away for long.
    expect(member.seenAgo('b')).toBeUndefined()
    answers(() => Promise.resolve(beat()))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(told()).toEqual(['engine answers', 'engine-back', 'others: b'])
    member.close()
  })

  it('has all verified when its lease was over, and when another life of the engine answers', async () => {
    const { member, told, answers, beat, away } = make()
    await vi.advanceTimersByTimeAsync(0)
    told()
    answers(away)
    await vi.advanceTimersByTimeAsync(7_000)
    answers(() => Promise.resolve(beat()))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(told()).toEqual(['engine is away', 'engine answers', 'lease-over', 'others: b'])
    answers(() => Promise.resolve(beat({ engine: 'second' })))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(told()).toEqual(['engine-back', 'others: b'])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(told()).toEqual(['others: b'])
    member.close()
  })

  it('notices that its process was stopped before anything else is done', async () => {
    const { member, told } = make()
    await vi.advanceTimersByTimeAsync(400)
    told()
    const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 1_900)
    member.notice()
    expect(told()).toEqual([])
    now.mockReturnValue(performance.now() + 3_000)
    member.notice()
    expect(told()).toEqual(['asleep'])
    member.notice()
    expect(told()).toEqual([])
    now.mockRestore()
    member.close()
  })

  it('says once that a later life of the node has begun, and that it is there no more', async () => {
    const { told, answers, beat } = make()
    await vi.advanceTimersByTimeAsync(0)
    told()
    answers(() => Promise.resolve(beat({ superseded: true })))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(told()).toEqual(['superseded'])
  })
})
