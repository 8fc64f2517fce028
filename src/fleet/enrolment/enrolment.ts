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

/** The enrolment of a device id as the API shows it, without secrets. */
export interface EnrolmentView {
  readonly deviceId: string
  readonly standing: Standing
  readonly pins: readonly (KeyFingerprint & { readonly addedAt?: Date; readonly by: string })[]
  /** The key that a pending device, or an approved one with a changed key, showed last. */
  readonly presented?: KeyFingerprint
  readonly decision?: { readonly by: string; readonly at: Date; readonly how: string }
  readonly firstSeen?: Date
  readonly lastSeen?: Date
  readonly lastRefusal?: {
    readonly reason: string
    readonly message: string
    readonly source: string
    readonly at: Date
  }
  /** How often calls that claimed this device id were refused since the bridge started, by reason. */
  readonly refusals?: Readonly<Record<string, number>>
  /** The addresses that the device called from, the newest first. */
  readonly addresses: readonly string[]
  readonly hasSecret: boolean
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

/** What an operator approves. */
export interface Approval {
  /** The host key's fingerprint, such as `SHA256:…`, that the operator has compared with the device. */
  readonly fingerprint: string
  /** Another device id, for a device that was found by its fingerprint alone. */
  readonly as?: string
}

/** Operators decide here which devices are in the fleet. `by` names the operator in the audit log. */
export interface Enrolments {
  readonly list: () => Promise<readonly EnrolmentView[]>
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
}
