import { expect, it } from 'vitest'
import { createSignal } from '../../src/lib/signal.js'

it('a signal is heard by all who listen by then, in their order, each time', () => {
  const signal = createSignal<number>()
  const heard: string[] = []
  signal.emit(0)
  signal.on((what) => heard.push(`first ${what}`))
  signal.emit(1)
  signal.on((what) => heard.push(`second ${what}`))
  signal.emit(2)
  expect(heard).toEqual(['first 1', 'first 2', 'second 2'])
})
