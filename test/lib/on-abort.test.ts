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

  test('lets many wait for one signal without a warning that it leaks', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    const { signal } = new AbortController()
    const stops = Array.from({ length: 50 }, () => onAbort(signal, () => undefined))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    for (const stop of stops) stop()
    expect(warnings).toEqual([])
  })

  test('has nothing to do without a signal', () => {
    onAbort(undefined, () => expect.unreachable())()
  })
})
