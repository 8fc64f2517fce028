import { inBackground } from '../../../lib/background.js'
import { createHash } from 'node:crypto'
import type { Fleet } from '../../../fleet/fleet.js'
import { onAbort, pauseUnlessAborted } from '../../../lib/on-abort.js'
import type { SessionClient } from '../../../fleet/session-client.js'
import { NETMOD_NOTIFICATION_NS, NOTIFICATION_NS } from '../../../netconf/xml/namespaces.js'
import { buildNotification, type Notification } from '../../../netconf/notification.js'
import type { RpcError } from '../../../netconf/rpc-error.js'
import { parseRpcReplyGently } from '../../../netconf/rpc-reply.js'
import { serialiseXml } from '../../../netconf/xml/xml-serialise.js'
import { element, isNamed, type XmlElement } from '../../../netconf/xml/xml-tree.js'
import type { Span } from '../../../telemetry/traces.js'
import type { CallFailure } from '../../../rpc/call-failure.js'
import { openDeviceSession } from '../../../rpc/device-session.js'

/** What a client wants to hear of (RFC 5277 §2.1.1). */
export interface SubscriptionRequest {
  readonly stream?: string
  readonly filter?: XmlElement
  /** RFC 3339; what the device kept since then is sent first, where it can. */
  readonly startTime?: string
}

/** Who subscribes to what of which device. */
export interface Subscription {
  readonly fleet: Pick<Fleet, 'openSession' | 'whenAttached'>
  readonly deviceId: string
  readonly client: SessionClient
  /** The account of the device that it has to be on; any where absent. */
  readonly account?: string | undefined
  readonly request: SubscriptionRequest
  /**
   * The id of the last notification that the client has: the client goes on with a subscription, which waits for its
   * device.
   */
  readonly after?: string | undefined
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** Of the call that asks for the subscription. */
  readonly span?: Span | undefined
}

/** A notification, and what a client names to go on behind it. */
export interface Heard {
  /** `eventTime/digest`; none where the device tells of the replay itself, which it does not repeat. */
  readonly id?: string
  readonly notification: Notification
}

/** What the subscriber is told. */
export interface SubscriptionListener {
  /**
   * The device has taken the subscription; `replayed` where what was missed comes first; `id` where nothing was heard
   * yet to go on behind.
   */
  readonly subscribed: (state: { readonly replayed: boolean; readonly id?: string }) => void
  readonly notified: (heard: Heard) => void
  /** There is no session; one is opened as soon as the device is there. */
  readonly interrupted: (why: string) => void
}

/** How a subscription came to its end. */
export type SubscriptionEnd =
  | { readonly cause: 'cancelled' }
  | { readonly cause: 'failed'; readonly failure: CallFailure }
  | { readonly cause: 'refused'; readonly errors: readonly RpcError[] }

/** Milliseconds that a device gets to answer. */
const REPLY_TIMEOUT = 30_000
/** Milliseconds that a lost device is waited for at a time; the client decides how long in all. */
const STALL_TIMEOUT = 60_000
/** Bytes of a notification: it is held, and written anew, in one turn of the event loop. */
const LONGEST_NOTIFICATION = 1024 * 1024
/** Milliseconds after a session that the device ended at once. */
const PAUSE = 1_000

/**
 * Keeps a subscription to a device's notifications through the end of its sessions and links, on a session of its own,
 * because a device need not answer anything else on it (RFC 5277 §6). Resolves when the client is gone, when the first
 * attempt fails, or when the device refuses it.
 */
export async function keepSubscribed(
  subscription: Subscription,
  listener: SubscriptionListener,
): Promise<SubscriptionEnd> {
  const { fleet, deviceId, request, after, signal } = subscription
  let last = after
  let goesOn = after !== undefined
  let told = false
  const hear = (heard: Heard): void => {
    last = heard.id ?? last
    listener.notified(heard)
  }
  const subscribed = (replayed: boolean): void => {
    goesOn = true
    told = false
    // What happens until the first notification is not to be missed either; the device's clock is taken to be about
    // right.
    if (last === undefined && request.startTime === undefined) {
      last = `${new Date().toISOString()}/subscribed`
      listener.subscribed({ replayed, id: last })
    } else listener.subscribed({ replayed })
  }
  while (!signal.aborted) {
    const resumed = { ...subscription, request: { ...request, ...resumedFrom(last) } }
    const round = await listenOnce(resumed, { last, goesOn, hear, subscribed })
    if (round.kind === 'end') return round.end
    if (signal.aborted) break
    if (!goesOn || isFinal(round.failure)) return { cause: 'failed', failure: round.failure }
    if (!told) listener.interrupted(round.failure.message)
    told = true
    await pauseUnlessAborted(PAUSE, signal)
    await fleet.whenAttached(deviceId, STALL_TIMEOUT, signal)
  }
  return { cause: 'cancelled' }
}

function isFinal({ cause }: CallFailure): boolean {
  return cause === 'unknown-device' || cause === 'shutting-down'
}

interface Round {
  readonly last: string | undefined
  /** Whether it goes on with a subscription that was there before. */
  readonly goesOn: boolean
  readonly hear: (heard: Heard) => void
  readonly subscribed: (replayed: boolean) => void
}

type RoundEnd =
  | { readonly kind: 'end'; readonly end: SubscriptionEnd }
  | { readonly kind: 'lost'; readonly failure: CallFailure }

async function listenOnce(
  { fleet, deviceId, client, account, request, signal, span }: Subscription,
  { last, goesOn, hear, subscribed }: Round,
): Promise<RoundEnd> {
  const seen = createSeen(request.startTime === undefined ? undefined : last)
  const opening = await openDeviceSession(
    { fleet, deviceId, client, account },
    {
      signal,
      span,
      maxMessageSize: LONGEST_NOTIFICATION,
      onNotification: (notification) => {
        const id = `${notification.eventTime}/${digestOf(notification)}`
        if (!seen.isNew(notification, id)) return
        hear(
          isNamed(notification.event, NETMOD_NOTIFICATION_NS, 'replayComplete')
            ? { notification }
            : { id, notification },
        )
      },
    },
  )
  if (!opening.ok) return { kind: 'lost', failure: opening.failure }
  const { session } = opening
  const leave = (): void => inBackground('http', session.close())
  const stopListening = onAbort(signal, leave)
  try {
    const ask = async (asked: SubscriptionRequest) =>
      parseRpcReplyGently((await session.request(subscriptionOf(asked), { timeout: REPLY_TIMEOUT })).bytes)
    let reply = await ask(request)
    let replayed = request.startTime !== undefined
    // A stream need not have a replay (RFC 5277 §3.2.5.2): better to go on from now than not at all, where nobody asked
    // for one.
    if (reply.ok && reply.value.errors.length > 0 && replayed && goesOn) {
      seen.everything()
      replayed = false
      reply = await ask(withoutStart(request))
    }
    if (!reply.ok) return { kind: 'lost', failure: badReply(deviceId, reply.error.cause) }
    if (reply.value.errors.length > 0) return { kind: 'end', end: { cause: 'refused', errors: reply.value.errors } }
    subscribed(replayed)
    const ended = await session.closed
    const why = session.linkEnd()?.message ?? ended.message
    return { kind: 'lost', failure: lost(deviceId, why) }
  } catch (thrown) {
    const why = session.linkEnd()?.message ?? (thrown instanceof Error ? thrown.message : 'the session ended')
    return { kind: 'lost', failure: lost(deviceId, why) }
  } finally {
    stopListening()
    inBackground('http', session.close())
  }
}

/** `<create-subscription>` (RFC 5277 §2.1.1). */
export function subscriptionOf({ stream, filter, startTime }: SubscriptionRequest): XmlElement {
  const leaf = (name: string, value: string | undefined): readonly XmlElement[] =>
    value === undefined ? [] : [element(NOTIFICATION_NS, name, value)]
  const wanted = filter === undefined ? [] : [{ ...filter, namespace: NOTIFICATION_NS, prefix: '' }]
  return element(NOTIFICATION_NS, 'create-subscription', [
    ...leaf('stream', stream),
    ...wanted,
    ...leaf('startTime', startTime),
  ])
}

function resumedFrom(last: string | undefined): Pick<SubscriptionRequest, 'startTime'> {
  const slash = last?.lastIndexOf('/') ?? -1
  return last === undefined || slash < 1 ? {} : { startTime: last.slice(0, slash) }
}

function withoutStart({ stream, filter }: SubscriptionRequest): SubscriptionRequest {
  return { ...(stream === undefined ? {} : { stream }), ...(filter === undefined ? {} : { filter }) }
}

interface Seen {
  readonly isNew: (notification: Notification, id: string) => boolean
  /** There is no replay: all that comes is new. */
  readonly everything: () => void
}

/** What a replay repeats: all up to the last that was seen, of which several may have the same time. */
function createSeen(last: string | undefined): Seen {
  const lastTime = last === undefined ? Number.NaN : Date.parse(last.slice(0, last.lastIndexOf('/')))
  let behind = last === undefined
  return {
    isNew: ({ eventTime, event }, id) => {
      if (behind) return true
      // What comes behind the replay is new, even where the device's clock was set back.
      behind =
        id === last || Date.parse(eventTime) > lastTime || isNamed(event, NETMOD_NOTIFICATION_NS, 'replayComplete')
      return behind && id !== last
    },
    everything: () => {
      behind = true
    },
  }
}

function digestOf(notification: Notification): string {
  return createHash('sha256')
    .update(serialiseXml(buildNotification(notification)))
    .digest('base64url')
    .slice(0, 12)
}

function lost(deviceId: string, why: string): CallFailure {
  return {
    cause: 'link-lost',
    message: `the session with ${JSON.stringify(deviceId)} ended: ${why}`,
    hint: 'it is opened anew once the device is connected',
    retryAfter: 5,
  }
}

function badReply(deviceId: string, why: string): CallFailure {
  return {
    cause: 'bad-reply',
    message: `device ${JSON.stringify(deviceId)} answered what is no reply: ${why}`,
    hint: 'the device is at fault',
  }
}
