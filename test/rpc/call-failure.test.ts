import { expect, it } from 'vitest'
import { notAuthorised } from '../../src/rpc/call-failure.js'

it('who names a device that is not known is told what the caller of this way has to say of it', () => {
  expect(notAuthorised({ reason: 'unknown-device', message: 'no device "a" is known here', hint: 'of HTTP' })).toEqual({
    cause: 'unknown-device',
    reason: 'unknown-device',
    message: 'no device "a" is known here',
    hint: 'of HTTP',
  })
})
