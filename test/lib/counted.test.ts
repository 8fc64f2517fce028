import { expect, it } from 'vitest'
import { counted } from '../../src/lib/counted.js'

it.each([
  [0, '0 devices'],
  [1, '1 device'],
  [2, '2 devices'],
])('%i', (count, told) => expect(counted(count, 'device')).toBe(told))
