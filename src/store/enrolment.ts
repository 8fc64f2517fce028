/** What Homeport knows about a device id, whoever claims it: its standing, its keys, and what was seen of it. */
export interface Enrolment {
  readonly deviceId: string
  readonly standing: Standing
  /** It belongs to an entry of the configuration file: without that entry it counts for nothing. */
  readonly configured?: true
  readonly pins: readonly Pin[]
  /** Who gave it its standing; absent while nobody has. */
  readonly decision?: Decision
  readonly firstSeen?: Date
  readonly lastSeen?: Date
  readonly lastRefusal?: LastRefusal
  /** Where it called from, without port: distinct, the newest first, at most `MAX_ADDRESSES`. */
  readonly addresses: readonly string[]
  /** The key that a pending device showed last. */
  readonly presented?: Pin
  /**
   * The secret of its initiation sequence's HMAC, in clear, since the HMAC needs it so. Show `redacted(enrolment)`
   * instead.
   */
  readonly secret?: string
  readonly labels: Readonly<Record<string, string>>
  readonly vendor?: string
  /** The name of its credentials profile. */
  readonly credentials?: string
}

export const STANDINGS = ['pending', 'approved', 'rejected'] as const
export type Standing = (typeof STANDINGS)[number]

/** A key that a device id is bound to. */
export interface Pin {
  readonly type: string
  readonly blob: Buffer
  readonly addedAt: Date
  readonly by: string
  /**
   * Of a pin that an HMAC vouched for, what tells by which secret: the pin counts while that is the device's secret.
   * Empty where an earlier version did not note it: then any secret will do.
   */
  readonly secretMark?: Buffer
}

export interface Decision {
  readonly by: string
  readonly at: Date
  readonly how: 'operator' | 'hmac' | 'first-use' | 'onboarding' | 'certificate'
  /** The credentials profiles whose passwords may go to a device that was let in by this; absent for all. */
  readonly profiles?: readonly string[]
}

export interface LastRefusal {
  readonly reason: string
  readonly message: string
  readonly source: string
  readonly at: Date
  /** What to do about it; absent where an earlier version noted the refusal. */
  readonly hint?: string
}

/** One time that a device was seen. */
export interface LastSeen {
  readonly at: Date
  /** Where it called from, without port. */
  readonly address: string
}

/** The part of an enrolment that changes whenever its device is seen. */
export type Seen = Pick<Enrolment, 'firstSeen' | 'lastSeen' | 'addresses'>

/** An enrolment that may be shown and logged. */
export type RedactedEnrolment = Omit<Enrolment, 'secret'> & { readonly hasSecret: boolean }

/** How many source addresses an enrolment remembers. */
export const MAX_ADDRESSES = 8

/** The enrolment (or what stands for a part of one) after its device was seen once more. */
export function withLastSeen<T extends Seen>(seen: T, { at, address }: LastSeen): T & Required<Seen> {
  return {
    ...seen,
    firstSeen: seen.firstSeen ?? at,
    lastSeen: at,
    addresses: newestAddresses([address, ...seen.addresses]),
  }
}

/** Of addresses, newest first, those that an enrolment remembers. */
export function newestAddresses(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses)].slice(0, MAX_ADDRESSES)
}

/** The enrolment without its secret; only whether it has one. */
export function redacted({ secret, ...rest }: Enrolment): RedactedEnrolment {
  return { ...rest, hasSecret: secret !== undefined }
}
