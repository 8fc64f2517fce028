import { expect, it } from 'vitest'
import { notAuthorised } from '../../src/rpc/call-failure.js'

it('who names a device that is not known is told both ways to see those that are', () => {
  expect(notAuthorised({ reason: 'unknown-device', message: 'no device "a" is known here', hint: 'of SSH' })).toEqual({
    cause: 'unknown-device',
    message: 'no device "a" is known here',
    hint: 'check the spelling; GET /api/v1/devices (homeport devices list) has all of them',
  })
})
