import { expect, it } from 'vitest'
import { deviceSheet } from '../../../src/cli/operator/show-devices.js'
import { describeDevice } from '../../../src/northbound/http/routes/devices/device.js'
import { enrolment } from '../../northbound/http/fleet-in-memory.js'

it.each([
  ['hmac', 'hmac', 'hmac, 2025-06-01 10:00:00Z'],
  ['approved', 'netops', 'approved by netops, 2025-06-01 10:00:00Z'],
] as const)('what was decided by %s of %s is told without a word twice', (how, by, told) => {
  const decision = { how, by, at: new Date('2025-06-01T10:00:00Z') }
  const sheet = deviceSheet(describeDevice('router1', enrolment('router1', 'approved', { decision }), undefined))
  expect(
    sheet
      .split('\n')
      .find((line) => line.startsWith('decision'))
      ?.replace(/^decision +/, ''),
  ).toBe(told)
})
