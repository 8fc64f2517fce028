import type { Enrolment } from '../../store/enrolment.js'
import type { FleetEvents } from '../events.js'
import type { ConfiguredDevice } from './enrolled-device.js'
import type { EnrolmentChange } from './enrolment.js'
import type { PresentedKeys } from './presented-keys.js'

/** What decisions are made on, and who is told of them. */
export interface DecisionContext {
  readonly enrolmentOf: (deviceId: string) => Enrolment | undefined
  /** The device's entry in the configuration file. */
  readonly entryOf: (deviceId: string) => ConfiguredDevice | undefined
  readonly presentedKeys: PresentedKeys
  /**
   * Changes an enrolment, and has whoever waits as this device or is attached as it judged again; answers whether it
   * could be written.
   */
  readonly update: (deviceId: string, edit: (current: Enrolment) => Enrolment | undefined) => Promise<boolean>
  readonly answer: (deviceId: string, written: boolean) => Promise<EnrolmentChange>
  readonly told: (deviceId: string, standing: 'approved' | 'rejected' | 'forgotten', by: string) => void
  readonly labelled: (event: FleetEvents['labelled']) => void
  /** All that is known of the device is about to be forgotten. */
  readonly forgotten: (deviceId: string) => void
  readonly now: () => Date
}
