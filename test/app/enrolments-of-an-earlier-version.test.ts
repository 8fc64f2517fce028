import { describe, expect, it } from 'vitest'
import { tellOfBadDeviceIds } from '../../src/app/report-enrolments.js'
import { enrolment } from '../northbound/http/fleet-in-memory.js'
import { recordedLog } from '../northbound/http/recorded-log.js'

describe('at the start of a bridge', () => {
  it('enrolments whose device id is none any more are told, with what to do', async () => {
    const { log, lines } = recordedLog()
    const list = async () => [enrolment('router1', 'approved'), enrolment('r 1@site', 'approved')]
    await tellOfBadDeviceIds({ list }, log)
    expect(lines()).toEqual([
      expect.objectContaining({
        deviceId: 'r 1@site',
        msg: 'the device id of an enrolment has an `@`, so the device is refused when it calls',
        hint: "a device id has no `@`: give the device another one, then: homeport devices forget 'r 1@site'",
      }),
    ])
  })
})
