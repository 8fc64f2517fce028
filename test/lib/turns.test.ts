import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createTurns } from '../../src/lib/turns.js'

describe('work in turns', () => {
  it('is done in order, and what is long leaves the rest to the next turn of the event loop', async () => {
    let now = 0
    const turns = createTurns(() => now)
    const done: string[] = []
    for (const name of ['a', 'b', 'c'])
      turns(() => {
        now += 1.5
        done.push(name)
      })
    expect(done).toEqual([])
    await nextTurn()
    expect(done).toEqual(['a', 'b'])
    await nextTurn()
    expect(done).toEqual(['a', 'b', 'c'])
    turns(() => done.push('d'))
    await nextTurn()
    expect(done).toEqual(['a', 'b', 'c', 'd'])
  })
})
