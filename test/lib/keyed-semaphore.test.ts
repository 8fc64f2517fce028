import { describe, expect, it } from 'vitest'
import { createKeyedSemaphore } from '../../src/lib/keyed-semaphore.js'

const pass = { entered: true, result: 'done' }

/** A task that ends when the test says so. */
function held() {
  let end = (): void => undefined
  const ended = new Promise<string>((resolve) => {
    end = () => resolve('done')
  })
  return { task: () => ended, end }
}

describe('a gate for each key', () => {
  it('lets one at a time pass under a key, and keeps nobody from passing under another', async () => {
    const gate = createKeyedSemaphore(1, 1)
    const first = held()
    const second = held()
    const passing = gate('a')(first.task)
    const waiting = gate('a')(second.task)
    expect(await gate('a')(() => Promise.resolve('done'))).toEqual({ entered: false })
    expect(await gate('b')(() => Promise.resolve('done'))).toEqual(pass)
    second.end()
    first.end()
    expect(await Promise.all([passing, waiting])).toEqual([pass, pass])
  })

  it('is as new once nobody uses it, also after a failure', async () => {
    const gate = createKeyedSemaphore(1, 0)
    await expect(gate('a')(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await gate('a')(() => Promise.resolve('done'))).toEqual(pass)
  })
})
