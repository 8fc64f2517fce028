import { afterEach, describe, expect, it, vi } from 'vitest'
import { tellFaultsTo } from '../../src/lib/background.js'
import { createLiveValue } from '../../src/lib/live-value.js'

interface Value {
  readonly users: readonly string[]
  readonly limits: { readonly most: number }
}

const first: Value = { users: ['ann'], limits: { most: 1 } }
const second: Value = { users: ['bob'], limits: { most: 2 } }

let stopListening = (): void => undefined
afterEach(() => stopListening())

describe('a live value', () => {
  it('has those who follow it told in their order, when it is the new one already', async () => {
    const live = createLiveValue(first)
    const told: string[] = []
    live.onChange(
      (value) => value.users,
      ([name]) => told.push(`${name}, and at most ${live.current.limits.most}`),
    )
    live.onChange(
      (value) => value.limits,
      ({ most }) => told.push(`at most ${most}`),
    )
    await live.change(second)
    expect(told).toEqual(['bob, and at most 2', 'at most 2'])
  })

  it('tells nobody whose part is the same as before', async () => {
    const live = createLiveValue(first)
    const [users, limits, prepared] = [vi.fn(), vi.fn(), vi.fn()]
    live.onChange((value) => value.users, users)
    live.onChange((value) => value.limits, limits)
    live.beforeChange((value) => value.limits, prepared)
    await live.change({ ...first, users: ['cid'] })
    expect(users).toHaveBeenCalledExactlyOnceWith(['cid'])
    expect(limits).not.toHaveBeenCalled()
    expect(prepared).not.toHaveBeenCalled()
  })

  it('has changed once those who follow it have done so', async () => {
    const live = createLiveValue(first)
    let done = false
    live.onChange(
      (value) => value,
      async () => {
        await new Promise((resolve) => setImmediate(resolve))
        done = true
      },
    )
    await live.change(second)
    expect(done).toBe(true)
  })

  it('changes nothing where somebody cannot make ready what it needs, and lets go of what is ready', async () => {
    const live = createLiveValue(first)
    const [apply, discard, follow] = [vi.fn(), vi.fn(), vi.fn()]
    live.onChange((value) => value, follow)
    live.beforeChange(
      (value) => value,
      async () => ({ apply, discard }),
    )
    live.beforeChange(
      (value) => value.limits,
      async ({ most }) => {
        throw new Error(`not ${most}`)
      },
    )
    await expect(live.change(second)).rejects.toThrow('not 2')
    expect(live.current).toBe(first)
    expect(discard).toHaveBeenCalledOnce()
    expect(apply).not.toHaveBeenCalled()
    expect(follow).not.toHaveBeenCalled()
  })

  it('applies what was made ready before anybody follows', async () => {
    const live = createLiveValue(first)
    const told: string[] = []
    live.onChange(
      (value) => value,
      () => told.push('followed'),
    )
    live.beforeChange(
      (value) => value,
      async () => ({ apply: () => void told.push('applied'), discard: () => undefined }),
    )
    await live.change(second)
    expect(told).toEqual(['applied', 'followed'])
  })

  it('tells of one who fails to follow, and the others follow', async () => {
    const live = createLiveValue(first)
    const faults: unknown[] = []
    stopListening = tellFaultsTo((_place, error) => faults.push(error))
    const fault = new Error('a fault')
    const follow = vi.fn()
    live.onChange(
      (value) => value,
      () => {
        throw fault
      },
    )
    live.onChange((value) => value, follow)
    await live.change(second)
    expect(follow).toHaveBeenCalledOnce()
    expect(faults).toEqual([fault])
  })
})
