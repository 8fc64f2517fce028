import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { redacted, withLastSeen } from '../../src/store/enrolment.js'
import { bare, full, minutesAfterNoon, noon } from './store-room.js'

it('a redacted enrolment shows that there is a secret, never which', () => {
  expect(redacted(full('router1'))).toMatchObject({ deviceId: 'router1', hasSecret: true })
  expect(redacted(bare('router1')).hasSecret).toBe(false)
  expect(inspect(redacted(full('router1')), { depth: null })).not.toContain('correct horse')
  expect(JSON.stringify(redacted(full('router1')))).not.toContain('correct horse')
})

it('a sighting puts its address first and drops the oldest', () => {
  const addresses = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const once = withLastSeen({ ...bare('router1'), addresses }, { at: noon, address: 'c' })
  expect(once).toMatchObject({ firstSeen: noon, lastSeen: noon, addresses: ['c', 'a', 'b', 'd', 'e', 'f', 'g', 'h'] })
  const twice = withLastSeen(once, { at: minutesAfterNoon(1), address: 'i' })
  expect(twice).toMatchObject({
    firstSeen: noon,
    lastSeen: minutesAfterNoon(1),
    addresses: ['i', 'c', 'a', 'b', 'd', 'e', 'f', 'g'],
  })
})
