import { expect, it } from 'vitest'
import { watchdogInterval } from '../../src/app/service-manager.js'

it('the watchdog is fed three times in the time that it waits', () => {
  expect(watchdogInterval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7)).toBe(20_000)
  expect(watchdogInterval({ WATCHDOG_USEC: '60000000' }, 7)).toBe(20_000)
})

it('there is no watchdog to feed where none is set, or where it is another process’s', () => {
  expect(watchdogInterval({}, 7)).toBeUndefined()
  expect(watchdogInterval({ WATCHDOG_USEC: '0' }, 7)).toBeUndefined()
  expect(watchdogInterval({ WATCHDOG_USEC: 'soon' }, 7)).toBeUndefined()
  expect(watchdogInterval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7)).toBeUndefined()
})
