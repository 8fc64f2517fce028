import { describe, expect, it } from 'vitest'
import { createWorkInOrder } from '../../../../src/northbound/ssh/guard/work-in-order.js'

describe('pieces of work', () => {
  it('begin one after the other, and nothing is under way once all are done', async () => {
    const work = createWorkInOrder(() => undefined)
    expect(work.underWay()).toBeUndefined()
    const done: number[] = []
    let finishFirst = (): void => undefined
    const first = new Promise<void>((resolve) => {
      finishFirst = resolve
    })
    work.add(async () => {
      await first
      done.push(1)
    })
    work.add(() => void done.push(2))
    const underWay = work.underWay()
    expect(underWay).toBeDefined()
    expect(done).toEqual([])
    finishFirst()
    await underWay
    expect(done).toEqual([1, 2])
    expect(work.underWay()).toBeUndefined()
  })

  it('that fail are told, and those after them are done all the same', async () => {
    const faults: unknown[] = []
    const work = createWorkInOrder((error) => faults.push(error))
    let done = false
    work.add(() => {
      throw new Error('a mistake')
    })
    work.add(() => {
      done = true
    })
    await work.underWay()
    expect(faults).toEqual([new Error('a mistake')])
    expect(done).toBe(true)
  })
})
