import type { Decision, Enrolment, LastRefusal, Pin, Standing } from './enrolment.js'

/** A row of `enrolment`, in either engine; times are milliseconds since 1970. */
export interface EnrolmentRow {
  readonly device_id: string
  readonly standing: Standing
  readonly decision_by: string | null
  readonly decision_at: number | null
  readonly decision_how: Decision['how'] | null
  /** JSON. */
  readonly decision_profiles: string | null
  readonly first_seen: number | null
  readonly last_seen: number | null
  readonly refusal_reason: string | null
  readonly refusal_message: string | null
  readonly refusal_source: string | null
  readonly refusal_at: number | null
  readonly refusal_hint: string | null
  readonly presented_type: string | null
  readonly presented_blob: Blob | null
  readonly presented_at: number | null
  readonly presented_by: string | null
  readonly secret: string | null
  readonly labels: string
  readonly vendor: string | null
  readonly credentials: string | null
  readonly configured: 0 | 1
}

/** A row of `pin`. */
export interface PinRow {
  readonly device_id: string
  readonly position: number
  readonly type: string
  readonly blob: Blob
  readonly added_at: number
  readonly added_by: string
  readonly secret_mark: Blob | null
}

/** A row of `address`. */
export interface AddressRow {
  readonly device_id: string
  readonly position: number
  readonly address: string
}

// libsql takes a Buffer and gives an ArrayBuffer.
type Blob = Buffer | ArrayBuffer

/** The enrolment that rows of the three tables hold. */
export function enrolmentOf(row: EnrolmentRow, pins: readonly PinRow[], addresses: readonly AddressRow[]): Enrolment {
  const decision = whole({ by: row.decision_by, at: date(row.decision_at), how: row.decision_how })
  const lastRefusal = whole({
    reason: row.refusal_reason,
    message: row.refusal_message,
    source: row.refusal_source,
    at: date(row.refusal_at),
  })
  const presented = whole({
    type: row.presented_type,
    blob: row.presented_blob && bufferOf(row.presented_blob),
    addedAt: date(row.presented_at),
    by: row.presented_by,
  })
  return {
    deviceId: row.device_id,
    standing: row.standing,
    ...(row.configured === 1 && { configured: true as const }),
    pins: pins.map(pinOf),
    ...(decision && { decision: { ...decision, ...profilesOf(row) } }),
    ...(row.first_seen !== null && { firstSeen: new Date(row.first_seen) }),
    ...(row.last_seen !== null && { lastSeen: new Date(row.last_seen) }),
    ...(lastRefusal && { lastRefusal: { ...lastRefusal, ...hintOf(row) } }),
    addresses: addresses.map(({ address }) => address),
    ...(presented && { presented }),
    ...(row.secret !== null && { secret: row.secret }),
    labels: JSON.parse(row.labels) as Record<string, string>,
    ...(row.vendor !== null && { vendor: row.vendor }),
    ...(row.credentials !== null && { credentials: row.credentials }),
  }
}

function hintOf({ refusal_hint: hint }: EnrolmentRow): Pick<LastRefusal, 'hint'> {
  return hint === null ? {} : { hint }
}

function profilesOf({ decision_profiles: profiles }: EnrolmentRow): Pick<Decision, 'profiles'> {
  return profiles === null ? {} : { profiles: JSON.parse(profiles) as readonly string[] }
}

/** The row of an enrolment; its pins and addresses are rows of their own. */
export function rowOf(enrolment: Enrolment): EnrolmentRow {
  const { decision, lastRefusal, presented } = enrolment
  return {
    device_id: enrolment.deviceId,
    standing: enrolment.standing,
    decision_by: decision?.by ?? null,
    decision_at: decision?.at.getTime() ?? null,
    decision_how: decision?.how ?? null,
    decision_profiles: decision?.profiles === undefined ? null : JSON.stringify(decision.profiles),
    first_seen: enrolment.firstSeen?.getTime() ?? null,
    last_seen: enrolment.lastSeen?.getTime() ?? null,
    refusal_reason: lastRefusal?.reason ?? null,
    refusal_message: lastRefusal?.message ?? null,
    refusal_source: lastRefusal?.source ?? null,
    refusal_at: lastRefusal?.at.getTime() ?? null,
    refusal_hint: lastRefusal?.hint ?? null,
    presented_type: presented?.type ?? null,
    presented_blob: presented?.blob ?? null,
    presented_at: presented?.addedAt.getTime() ?? null,
    presented_by: presented?.by ?? null,
    secret: enrolment.secret ?? null,
    labels: JSON.stringify(enrolment.labels),
    vendor: enrolment.vendor ?? null,
    credentials: enrolment.credentials ?? null,
    configured: enrolment.configured === true ? 1 : 0,
  }
}

/** The rows of an enrolment's pins, in their order. */
export function pinRowsOf({ deviceId, pins }: Enrolment): readonly PinRow[] {
  return pins.map(({ type, blob, addedAt, by, secretMark }, position) => ({
    device_id: deviceId,
    position,
    type,
    blob,
    added_at: addedAt.getTime(),
    added_by: by,
    secret_mark: secretMark ?? null,
  }))
}

/** The rows of an enrolment's addresses, in their order. */
export function addressRowsOf({ deviceId, addresses }: Enrolment): readonly AddressRow[] {
  return addresses.map((address, position) => ({ device_id: deviceId, position, address }))
}

function pinOf({ type, blob, added_at, added_by, secret_mark }: PinRow): Pin {
  const secretMark = secret_mark === null ? {} : { secretMark: bufferOf(secret_mark) }
  return { type, blob: bufferOf(blob), addedAt: new Date(added_at), by: added_by, ...secretMark }
}

function bufferOf(blob: Blob): Buffer {
  return Buffer.isBuffer(blob) ? blob : Buffer.from(blob)
}

function date(milliseconds: number | null): Date | null {
  return milliseconds === null ? null : new Date(milliseconds)
}

// A part is there when every column of it is.
function whole<T extends object>(part: T): { readonly [K in keyof T]: NonNullable<T[K]> } | undefined {
  return Object.values(part).includes(null) ? undefined : (part as { readonly [K in keyof T]: NonNullable<T[K]> })
}
