import { z } from '@hono/zod-openapi'
import type { EnrolmentView } from '../../../../fleet/enrolment/enrolment.js'
import type { DeviceStatus } from '../../../../fleet/device-status.js'
import { keyExchangeSchema } from '../key-exchange-schema.js'
import {
  lastRefusalOf,
  lastSeenOf,
  LINK_STATES,
  type LinkStanding,
  linkStandingOf,
  type RefusedCall,
} from '../../../../fleet/link-state.js'

const time = z.iso.datetime()

const keyFingerprint = z
  .object({
    type: z.string().openapi({ example: 'ssh-ed25519' }),
    fingerprint: z.string().openapi({ example: 'SHA256:uNiVztksCsDhcc0u9e8BrfXWIwGt9S1Qd0k4JcmH0uE' }),
  })
  .openapi('Key')

const linkSchema = z.object({
  number: z.int().openapi({
    description: "which of the device's links since the bridge started it is: it names this link, and no later one",
  }),
  source: z.string(),
  attachedAt: time,
  fingerprint: z.string().openapi({ description: 'of the host key that this link was proven with' }),
  provenBy: z
    .enum(['certificate', 'pin', 'known-hosts', 'hmac', 'first-use'])
    .openapi({ description: 'what vouched for that key when the link began' }),
  certificateValidUntil: time.nullable().openapi({
    description: 'when the host certificate ends that vouched for it; null where none did, or where it never ends',
  }),
  loggedInBy: z
    .array(z.enum(['certificate', 'key', 'password', 'keyboard-interactive']))
    .openapi({ description: 'the steps by which the device let the bridge in' }),
  account: z.string().nullable().openapi({ description: 'the name of the credentials that the bridge logged in with' }),
  keyExchange: keyExchangeSchema
    .nullable()
    .openapi({ description: 'how the keys of the connection were last exchanged' }),
  algorithms: z
    .object({
      hostKey: z.string().openapi({ description: 'what the device signs key exchange with', example: 'ssh-ed25519' }),
      cipher: z.string(),
      mac: z.string().nullable().openapi({ description: 'null where the cipher needs none' }),
      weak: z
        .array(z.string())
        .openapi({ description: 'the weak ones among them and the key exchange, which its entry allows' }),
    })
    .nullable()
    .openapi({ description: 'what else key exchange has agreed on; null on a transport that is not SSH' }),
  software: z.string(),
  sessions: z.int(),
  queued: z.int().openapi({ description: 'clients that wait for a session on any link of the device' }),
  mostSessions: z.int().openapi({
    description: 'how many sessions it gets at a time: max-sessions, or 1 where its software serves no more reliably',
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

/** A device id with its enrolment and its link: all that may be known of it outside, nothing secret. */
export const deviceSchema = z
  .object({
    id: z.string(),
    standing: z.enum(['configured', 'approved', 'pending', 'rejected']),
    linkState: z
      .object({
        state: z.enum(LINK_STATES),
        since: time.nullable().openapi({ description: 'of `refused`, when the last call was refused' }),
        reason: z.string().nullable().openapi({ description: 'of `refused` and `away`' }),
        message: z.string().nullable(),
        hint: z.string().nullable().openapi({ description: 'of `refused`: what to do about it' }),
      })
      .openapi('LinkState', {
        description:
          '`attached`: it has a link, or another node has one (`message` says which); `pending`: it waits for an ' +
          'operator; `refused`: the last call that claimed the ' +
          'id was refused; `away`: it was here before; `never`: no call has claimed the id',
      }),
    pins: z
      .array(keyFingerprint.extend({ addedAt: time.nullable(), by: z.string() }))
      .openapi({ description: 'the keys that the device id is bound to' }),
    presented: keyFingerprint
      .nullable()
      .openapi({ description: 'the key that it showed last, where nobody has decided on it' }),
    decision: z.object({ by: z.string(), at: time, how: z.string() }).nullable(),
    firstSeen: time.nullable(),
    lastSeen: time.nullable().openapi({
      description: 'when the oldest of its links began, or the last one ended, or a call of it was pending',
    }),
    lastRefusal: z
      .object({
        reason: z.string(),
        message: z.string(),
        hint: z.string().nullable().openapi({ description: 'what to do about it' }),
        source: z.string(),
        at: time,
      })
      .nullable()
      .openapi({ description: 'why a connection that claimed this id was refused last' }),
    refusals: z
      .record(z.string(), z.int())
      .openapi({ description: 'how often such connections were refused since the bridge started, by reason' }),
    addresses: z.array(z.string()).openapi({ description: 'where it called from, the newest first' }),
    hasSecret: z.boolean(),
    vendor: z.string().nullable().openapi({ description: 'as it was given when the device was added' }),
    labels: z.record(z.string(), z.string()),
    endpoint: z
      .object({ port: z.int().nullable(), address: z.string().nullable() })
      .nullable()
      .openapi({ description: 'where clients reach it by itself over SSH, beside user@device-id: fixed or given' }),
    link: linkSchema.nullable().openapi({ description: 'the oldest of its links' }),
    links: z.array(linkSchema).openapi({
      description: 'all its links, the oldest first; more than one where `max-connections` allows it',
    }),
    node: z.string().nullable().openapi({
      description: 'in a cluster, the other node that has its links; null where the node that answers has them',
      example: 'a',
    }),
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
    linkState: linkStateOf(linkStandingOf({ status, enrolment })),
    pins: (enrolment?.pins ?? []).map(({ type, fingerprint, addedAt, by }) => ({
      type,
      fingerprint,
      addedAt: written(addedAt),
      by,
    })),
    presented: enrolment?.presented === undefined ? null : keyOf(enrolment.presented),
    decision: enrolment?.decision === undefined ? null : decisionOf(enrolment.decision),
    firstSeen: written(enrolment?.firstSeen),
    lastSeen: written(lastSeenOf({ status, enrolment })),
    lastRefusal: refusalOf(lastRefusalOf({ status, enrolment })),
    refusals: { ...enrolment?.refusals },
    addresses: [...(enrolment?.addresses ?? [])],
    hasSecret: enrolment?.hasSecret ?? false,
    vendor: enrolment?.vendor ?? null,
    labels: { ...(status?.labels ?? enrolment?.labels) },
    endpoint: status?.endpoint === undefined ? null : endpointOf(status.endpoint),
    link: status?.link === undefined ? null : linkOf(status.link),
    links: (status?.links ?? []).map(linkOf),
    node: status?.node ?? null,
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

function linkOf({ number, attachedAt, hostKeyFingerprint, heldSession, ...link }: NonNullable<DeviceStatus['link']>) {
  const { source, provenBy, certificateValidUntil, loggedInBy = [], account, ...rest } = link
  const { keyExchange, algorithms, software, ...room } = rest
  const { sessions, queued, mostSessions, lostChannels } = room
  return {
    number,
    source,
    attachedAt: attachedAt.toISOString(),
    fingerprint: hostKeyFingerprint,
    provenBy,
    certificateValidUntil: certificateValidUntil ?? null,
    loggedInBy: [...loggedInBy],
    account: account ?? null,
    keyExchange: keyExchange ?? null,
    algorithms:
      algorithms === undefined ? null : { ...algorithms, mac: algorithms.mac ?? null, weak: [...algorithms.weak] },
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

function refusalOf(refusal: RefusedCall | undefined) {
  if (refusal === undefined) return null
  const { reason, message, hint, source, at } = refusal
  return { reason, message, hint: hint ?? null, source, at: at.toISOString() }
}

function linkStateOf({ state, since, reason, message, hint }: LinkStanding) {
  return { state, since: written(since), reason: reason ?? null, message: message ?? null, hint: hint ?? null }
}

function written(time: Date | undefined): string | null {
  return time === undefined ? null : time.toISOString()
}
