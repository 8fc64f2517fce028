import type { SelectableDevice } from '../access/authz/device-selector.js'
import type { Enrolments, EnrolmentView } from '../fleet/enrolment/enrolment.js'
import type { Fleet } from '../fleet/fleet.js'

/** Where rights look a device up. */
export interface DeviceDirectory extends Pick<Fleet, 'device'> {
  /**
   * What selectors look at: the device with its labels, also while it is pending or rejected and so not in the fleet;
   * without labels where nobody knows it.
   */
  readonly selectable: (deviceId: string) => Promise<SelectableDevice>
  /** What was decided on a device, if anything; undefined where nobody has heard of it. */
  readonly standingOf: (deviceId: string) => Promise<Pick<EnrolmentView, 'standing' | 'labels'> | undefined>
}

export function directoryOf(
  fleet: Pick<Fleet, 'device'>,
  enrolments: Pick<Enrolments, 'labelsOf' | 'get'>,
): DeviceDirectory {
  return {
    device: (deviceId) => fleet.device(deviceId),
    standingOf: (deviceId) => enrolments.get(deviceId),
    selectable: async (deviceId) =>
      (await fleet.device(deviceId)) ?? { id: deviceId, labels: (await enrolments.labelsOf(deviceId)) ?? {} },
  }
}
