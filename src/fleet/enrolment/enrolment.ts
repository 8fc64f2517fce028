import type { LabelChanges } from './labels.js'
import type { LastRefusal, Pin } from '../../store/enrolment.js'
import type { KeyFingerprint } from '../../trust/ssh/key-fingerprint.js'

export type { KeyFingerprint }

/**
 * The standing of a device id.
 *
 *     (not known) ── a call that nothing vouches for ─────────────▶ pending ──▶ (not known), when another one needs
 *       │     ▲                                                     │  ▲  │     its place, or after `pending-lifetime`
 *       │     │ forget, from everywhere                             │  │  └── reject ─────────────┐
 *       │     └─────────────────────                        approve │  │                         ▼
 *       │                                                           ▼  │ (2)                  rejected
 *       └── (1) a proof, or `add` ────────────────────────────▶ approved ── reject ────────────▶ │
 *                                                                │    ▲                          │
 *                                                                └────┘ repin, to another key    │
 *                                                                     ◀──── approve, repin ──────┘
 *
 * (1) An HMAC, a host certificate or the first-use policy vouched for its key, or an operator added it before it ever
 * called.
 * (2) An operator added it, and the key of its first call is one that nothing vouches for.
 *
 * A device is `configured` when it has an entry in the configuration file, and nobody has decided on it or the entry
 * itself says what proves it. The file then decides, whatever the store holds. When the entry is removed, the store
 * keeps two things of the device: that it was rejected, or that its call waits for a decision.
 */
export type Standing = 'configured' | 'approved' | 'pending' | 'rejected'

/** What devices are chosen and sorted by: the parts of an enrolment that cost nothing to tell. */
export interface EnrolmentOutline {
  readonly deviceId: string
  readonly standing: Standing
  /** Those of the configuration file where the device has an entry there, else those that were given to it. */
  readonly labels: Readonly<Record<string, string>>
  readonly firstSeen?: Date
  readonly lastSeen?: Date
  readonly lastRefusal?: LastRefusal
  /** The addresses that the device called from, the newest first. */
  readonly addresses: readonly string[]
}

/** The enrolment of a device id as the API shows it, without secrets. */
export interface EnrolmentView extends EnrolmentOutline {
  readonly pins: readonly (KeyFingerprint & { readonly addedAt?: Date; readonly by: string })[]
  /** The key that a pending device, or an approved one with a changed key, showed last. */
  readonly presented?: KeyFingerprint
  readonly decision?: { readonly by: string; readonly at: Date; readonly how: string }
  /** How often calls that claimed this device id were refused since the bridge started, by reason. */
  readonly refusals?: Readonly<Record<string, number>>
  readonly hasSecret: boolean
  readonly vendor?: string
}

export type EnrolmentRefusal = {
  readonly reason:
    | 'unknown-device'
    | 'nothing-presented'
    | 'fingerprint-mismatch'
    | 'decided-by-configuration'
    | 'already-known'
    | 'not-written'
  readonly message: string
  readonly hint: string
}

export type EnrolmentChange =
  | { readonly ok: true; readonly enrolment: EnrolmentView | undefined }
  | { readonly ok: false; readonly refusal: EnrolmentRefusal }

/** A device added by hand, before it has ever called. */
export interface AddedDevice {
  readonly deviceId: string
  readonly secret?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly vendor?: string
  readonly credentials?: string
}

/**
 * The operator who decides on an enrolment. A name alone stands for an operator who may use every credentials profile.
 * Of any other operator the allowed profiles are listed. Such an operator may let in a device of their own, so the
 * bridge sends the device the passwords of the listed profiles alone.
 */
export type Decider = string | { readonly name: string; readonly profiles: readonly string[] }

/** A device as an operator wants it to be enrolled. */
export interface ImportedDevice extends AddedDevice {
  /** The keys that the device id is to be bound to; none where the device proves itself in another way. */
  readonly hostKeys: readonly Pick<Pin, 'type' | 'blob'>[]
  readonly by: Decider
}

/** What became of a device: it was not there, it was there otherwise, or all was as wanted already. */
export type ImportOutcome = 'added' | 'changed' | 'unchanged'

/** Why one cannot be imported, and which one, by its place in the list. */
export interface ImportFault {
  readonly at: number
  readonly message: string
}

export type ImportResult =
  | { readonly ok: true; readonly outcomes: readonly ImportOutcome[] }
  | { readonly ok: false; readonly faults: readonly ImportFault[] }
  /** The store could not write one; those before it are written, and the same import may be repeated. */
  | { readonly ok: false; readonly notWritten: string }

/** What an operator approves. */
export interface Approval {
  /** The host key's fingerprint, such as `SHA256:…`, that the operator has compared with the device. */
  readonly fingerprint: string
  /** Another device id, for a device that was found by its fingerprint alone. */
  readonly as?: string
}

/** Operators decide here which devices are in the fleet. `by` names the operator in the audit log. */
export interface Enrolments {
  /** All enrolments by device id, or those of these ids that there are. */
  readonly list: (deviceIds?: readonly string[]) => Promise<readonly EnrolmentView[]>
  /** The labels of a device id, whatever its standing; undefined where it is not known. */
  readonly labelsOf: (deviceId: string) => Promise<Readonly<Record<string, string>> | undefined>
  /** All of them, in no order. */
  readonly outlines: () => Promise<readonly EnrolmentOutline[]>
  readonly get: (deviceId: string) => Promise<EnrolmentView | undefined>
  /**
   * Binds the device id to the key of this fingerprint, which it must have shown; a device that waits for it attaches
   * by itself.
   */
  readonly approve: (deviceId: string, by: Decider, approval: Approval) => Promise<EnrolmentChange>
  readonly reject: (deviceId: string, by: string) => Promise<EnrolmentChange>
  /** Removes all that is stored of a device id, and ends its link unless the configuration knows it. */
  readonly forget: (deviceId: string, by: string) => Promise<EnrolmentChange>
  /**
   * Binds an approved or configured device id to a key that it showed instead of those it was bound to, after a
   * hardware swap.
   */
  readonly repin: (deviceId: string, by: Decider, fingerprint: string) => Promise<EnrolmentChange>
  readonly add: (device: AddedDevice, by: Decider) => Promise<EnrolmentChange>
  /** Enrols many devices, or none where one of them cannot be. */
  readonly import: (devices: readonly ImportedDevice[], dryRun: boolean) => Promise<ImportResult>
  /** Changes labels of a device that the configuration file does not have. They count for rights at once. */
  readonly label: (deviceId: string, by: string, changes: LabelChanges) => Promise<EnrolmentChange>
}
