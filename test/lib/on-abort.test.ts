import { describe, expect, test } from 'vitest'
import { onAbort } from '../../src/lib/on-abort.js'

describe('onAbort', () => {
  test('calls at once where the signal is aborted already', () => {
    let calls = 0
    onAbort(AbortSignal.abort(), () => (calls += 1))
    expect(calls).toBe(1)
  })

  test('calls once when it is aborted, and not where nobody listens any more', () => {
    const controller = new AbortController()
    const calls: string[] = []
    onAbort(controller.signal, () => calls.push('heard'))
    onAbort(controller.signal, () => calls.push('left'))()
    controller.abort()
    expect(calls).toEqual(['heard'])
  })

  test('has nothing to do without a signal', () => {
    onAbort(undefined, () => expect.unreachable())()
  })
})
