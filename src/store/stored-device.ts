import type { Enrolment } from './enrolment.js'
import type { StoreFailure } from './store.js'

/** What the store says of how a device was added. */
export type StoredDevice = Pick<Enrolment, 'deviceId' | 'standing' | 'secret' | 'credentials' | 'configured'>

export type FoundDevice =
  | { readonly ok: true; readonly device: StoredDevice | undefined }
  | { readonly ok: false; readonly failure: StoreFailure }
