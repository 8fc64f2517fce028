import { z } from '@hono/zod-openapi'
import type { EnrolmentView } from '../../../../fleet/enrolment/enrolment.js'
import type { DeviceStatus } from '../../../../fleet/device-status.js'

const time = z.iso.datetime()

const keyFingerprint = z
  .object({
    type: z.string().openapi({ example: 'ssh-ed25519' }),
    fingerprint: z.string().openapi({ example: 'SHA256:uNiVztksCsDhcc0u9e8BrfXWIwGt9S1Qd0k4JcmH0uE' }),
  })
  .openapi('Key')

/** A device id with its enrolment and its link: all that may be known of it outside, nothing secret. */
export const deviceSchema = z
  .object({
    id: z.string(),
    standing: z.enum(['configured', 'approved', 'pending', 'rejected']),
    pins: z
      .array(keyFingerprint.extend({ addedAt: time.nullable(), by: z.string() }))
      .openapi({ description: 'the keys that the device id is bound to' }),
    presented: keyFingerprint
      .nullable()
      .openapi({ description: 'the key that it showed last, where nobody has decided on it' }),
    decision: z.object({ by: z.string(), at: time, how: z.string() }).nullable(),
    firstSeen: time.nullable(),
    lastSeen: time.nullable(),
    lastRefusal: z
      .object({ reason: z.string(), message: z.string(), source: z.string(), at: time })
      .nullable()
      .openapi({ description: 'why a connection that claimed this id was refused last' }),
    refusals: z
      .record(z.string(), z.int())
      .openapi({ description: 'how often such connections were refused since the bridge started, by reason' }),
    addresses: z.array(z.string()).openapi({ description: 'where it called from, the newest first' }),
    hasSecret: z.boolean(),
    labels: z.record(z.string(), z.string()),
    endpoint: z
      .object({ port: z.int().nullable(), address: z.string().nullable() })
      .nullable()
      .openapi({ description: 'where clients reach it by itself over SSH, beside user@device-id: fixed or given' }),
    link: z
      .object({
        source: z.string(),
        attachedAt: time,
        fingerprint: z.string().openapi({ description: 'of the host key that this link was proven with' }),
        software: z.string(),
        sessions: z.int(),
        queued: z.int(),
        mostSessions: z.int().openapi({
          description:
            'how many sessions it gets at a time: max-sessions, or 1 where its software serves no more reliably',
        }),
        lostChannels: z.int().openapi({ description: 'channels that the device has left unanswered on this link' }),
        heldSession: z
          .object({
            state: z.enum(['opening', 'open', 'gave-way', 'ended', 'refused']),
            endedAtOnce: z.int().openapi({ description: 'how often in a row the device has ended it at once' }),
          })
          .nullable()
          .openapi({
            description:
              'the session that the bridge keeps open for itself on a link that began without an initiation sequence',
          }),
      })
      .nullable(),
    contest: z
      .object({ turnedAway: z.int(), sources: z.array(z.string()), since: time, last: time })
      .nullable()
      .openapi({
        description:
          'two live links of this identity were there since the bridge started: how many were turned away, ' +
          'and where the one that stayed and the last other one came from',
      }),
    lastDetached: z.object({ at: time, reason: z.string(), message: z.string() }).nullable(),
  })
  .openapi('Device')

export type DeviceView = z.infer<typeof deviceSchema>

/** Who a device id is (its enrolment) and how it is connected (its place in the fleet), in one. */
export function describeDevice(
  id: string,
  enrolment: EnrolmentView | undefined,
  status: DeviceStatus | undefined,
): DeviceView {
  return {
    id,
    // Without an enrolment, only the configuration can have brought a device into the fleet.
    standing: enrolment?.standing ?? 'configured',
    pins: (enrolment?.pins ?? []).map(({ type, fingerprint, addedAt, by }) => ({
      type,
      fingerprint,
      addedAt: written(addedAt),
      by,
    })),
    presented: enrolment?.presented === undefined ? null : keyOf(enrolment.presented),
    decision: enrolment?.decision === undefined ? null : decisionOf(enrolment.decision),
    firstSeen: written(enrolment?.firstSeen),
    lastSeen: written(enrolment?.lastSeen),
    lastRefusal: lastRefusalOf(enrolment, status),
    refusals: { ...enrolment?.refusals },
    addresses: [...(enrolment?.addresses ?? [])],
    hasSecret: enrolment?.hasSecret ?? false,
    labels: { ...status?.labels },
    endpoint: status?.endpoint === undefined ? null : endpointOf(status.endpoint),
    link: status?.link === undefined ? null : linkOf(status.link),
    contest: status?.contest === undefined ? null : contestOf(status.contest),
    lastDetached: status?.lastDetached === undefined ? null : detachedOf(status.lastDetached),
  }
}

function keyOf({ type, fingerprint }: NonNullable<EnrolmentView['presented']>) {
  return { type, fingerprint }
}

function decisionOf({ by, at, how }: NonNullable<EnrolmentView['decision']>) {
  return { by, at: at.toISOString(), how }
}

function endpointOf({ port, address }: NonNullable<DeviceStatus['endpoint']>) {
  return { port: port ?? null, address: address ?? null }
}

function linkOf({ attachedAt, hostKeyFingerprint, heldSession, ...link }: NonNullable<DeviceStatus['link']>) {
  const { source, software, sessions, queued, mostSessions, lostChannels } = link
  return {
    source,
    attachedAt: attachedAt.toISOString(),
    fingerprint: hostKeyFingerprint,
    software,
    sessions,
    queued,
    mostSessions,
    lostChannels,
    heldSession: heldSession === undefined ? null : { ...heldSession },
  }
}

function contestOf({ turnedAway, sources, since, last }: NonNullable<DeviceStatus['contest']>) {
  return { turnedAway, sources: [...sources], since: since.toISOString(), last: last.toISOString() }
}

function detachedOf({ at, end }: NonNullable<DeviceStatus['lastDetached']>) {
  return { at: at.toISOString(), reason: end.reason, message: end.message }
}

/**
 * The enrolment keeps refusals over a restart, the fleet knows those that touched no enrolment: the newest is shown.
 */
function lastRefusalOf(enrolment: EnrolmentView | undefined, status: DeviceStatus | undefined) {
  const stored = enrolment?.lastRefusal
  const seen =
    status?.lastRefusal === undefined ? undefined : { ...status.lastRefusal.refusal, at: status.lastRefusal.at }
  const newest = [stored, seen]
    .filter((refusal) => refusal !== undefined)
    .toSorted((a, b) => b.at.getTime() - a.at.getTime())[0]
  if (newest === undefined) return null
  const { reason, message, source, at } = newest
  return { reason, message, source, at: at.toISOString() }
}

function written(time: Date | undefined): string | null {
  return time === undefined ? null : time.toISOString()
}
