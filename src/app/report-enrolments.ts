import type { Enrolments } from '../fleet/enrolment/enrolment.js'
import { homeportCommand } from '../lib/shell-word.js'
import type { Log } from '../telemetry/log.js'
import { faultOfDeviceId } from '../trust/device-id.js'

/** Tells at start of enrolments that an earlier version took in and that this one does not let call any more. */
export async function tellOfBadDeviceIds(enrolments: Pick<Enrolments, 'list'>, log: Log): Promise<void> {
  for (const { deviceId } of await enrolments.list()) {
    const broken = faultOfDeviceId(deviceId)
    if (broken === undefined) continue
    log.warn(
      {
        deviceId,
        hint:
          `a device id ${broken.rule}: give the device another one, ` +
          `then: ${homeportCommand('devices forget', deviceId)}`,
      },
      `the device id of an enrolment ${broken.fault}, so the device is refused when it calls`,
    )
  }
}

const NAMED_AT_MOST = 8

/** The line about devices that are out since their entries left the configuration file. */
export function toldAsLeft(deviceIds: readonly string[]): [object, string] {
  return [
    {
      devices: deviceIds.length,
      deviceIds: deviceIds.slice(0, NAMED_AT_MOST),
      hint:
        'their next call is that of a stranger; to keep one, ' +
        'add it under `devices` again, or approve it when it calls',
    },
    'enrolments ended: their entries are no longer in the configuration file',
  ]
}
