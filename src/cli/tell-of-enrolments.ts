import type { Enrolments } from '../fleet/enrolment.js'
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
        hint: `a device id ${broken.rule}: give the device another one, then: ${homeportCommand('devices forget', deviceId)}`,
      },
      `the device id of an enrolment ${broken.fault}, so the device is refused when it calls`,
    )
  }
}
