import { inBackground, oneAfterAnother } from '../../lib/background.js'
import { createHmac } from 'node:crypto'
import { selectsDevice } from '../../access/authz/device-selector.js'
import { pauseUnlessAborted } from '../../lib/on-abort.js'
import type { Fleet } from '../../fleet/fleet.js'
import { createRateLimit } from '../../lib/rate-limit.js'
import type { Log } from '../../telemetry/log.js'
import type { WebhookMetrics } from '../../telemetry/metrics.js'
import { type FleetEvent, type FleetEventType, isStrangersEvent } from '../../fleet/event-log.js'

/** Where events are sent; times in milliseconds. */
export interface WebhookSettings {
  readonly url: string
  readonly events: readonly FleetEventType[]
  /** Selectors of devices; events that name no device are sent where `*` is among them. */
  readonly devices: readonly string[]
  /** The key that each delivery is signed with. */
  readonly secret: string
  readonly timeout: number
  /** How long a delivery is tried. */
  readonly maxAge: number
  /**
   * Deliveries that wait; the oldest are given up beyond that, those of events that strangers caused first, which are
   * half of them at most.
   */
  readonly maxQueued: number
}

export interface Webhook {
  readonly take: (event: FleetEvent) => void
  /** Events that wait for the receiver. */
  readonly waiting: () => number
  readonly close: () => void
}

const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 5 * 60_000
/** Lines of the log that tell of events given up; each has the number of all. */
const givenUpLines = { each: 10, all: 10, interval: 10_000 }

/**
 * Sends events to one receiver, in order, each until it is taken (2xx) or too old. Signed as
 * `Homeport-Signature: t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY`, so that a receiver can refuse what is old
 * or not ours.
 */
export function createWebhook(
  settings: WebhookSettings,
  {
    fleet,
    log,
    metrics,
    send = fetch,
    now = Date.now,
  }: {
    readonly fleet: Pick<Fleet, 'device'>
    readonly log: Log
    readonly metrics: WebhookMetrics
    readonly send?: typeof fetch
    readonly now?: () => number
  },
): Webhook {
  const queue: FleetEvent[] = []
  const closing = new AbortController()
  // Without what may be a secret in it.
  const receiver = new URL(settings.url).host
  const limit = createRateLimit(givenUpLines, now)
  let sending = false
  let givenUp = 0
  let failing = false

  const wanted = async ({ type, deviceId }: FleetEvent): Promise<boolean> => {
    if (!settings.events.includes(type)) return false
    if (deviceId === null) return settings.devices.includes('*')
    const device = (await fleet.device(deviceId)) ?? { id: deviceId, labels: {} }
    return settings.devices.some((selector) => selectsDevice(selector, device))
  }

  const drain = async (): Promise<void> => {
    sending = true
    let pause = FIRST_PAUSE
    for (let event = queue[0]; event !== undefined && !closing.signal.aborted; event = queue[0]) {
      const problem = await deliver(event, { settings, send, now, signal: closing.signal })
      if (problem === undefined || now() - Date.parse(event.at) > settings.maxAge) {
        if (problem !== undefined) lose(`${settings.maxAge / 1000} s without success: ${problem}`)
        else taken()
        // Room may have been made meanwhile.
        if (queue[0] === event) queue.shift()
        pause = FIRST_PAUSE
        continue
      }
      told(problem)
      await pauseUnlessAborted(pause + Math.random() * pause, closing.signal)
      pause = Math.min(pause * 2, LONGEST_PAUSE)
    }
    sending = false
  }

  const lose = (why: string): void => {
    givenUp += 1
    metrics.eventEnded('given-up')
    if (limit('given-up', receiver) === undefined) return
    log.warn({ receiver, givenUp, hint: 'look at the receiver of the webhook' }, `webhook event given up: ${why}`)
  }
  const told = (problem: string): void => {
    if (!failing) log.warn({ receiver, problem, waiting: queue.length }, 'webhook not delivered: it is tried again')
    failing = true
  }
  const taken = (): void => {
    metrics.eventEnded('delivered')
    if (failing) log.info({ receiver, waiting: queue.length - 1 }, 'webhook delivers again')
    failing = false
  }

  /**
   * Gives up the oldest event where too many wait, one that a stranger caused first: what devices did is never
   * displaced by strangers.
   */
  const makeRoomFor = (event: FleetEvent): boolean => {
    const ofStranger = isStrangersEvent(event)
    const most = ofStranger ? Math.ceil(settings.maxQueued / 2) : settings.maxQueued
    const waiting = ofStranger ? queue.filter(isStrangersEvent).length : queue.length
    if (waiting < most && queue.length < settings.maxQueued) return true
    lose(`${most} wait already`)
    const at = queue.findIndex(isStrangersEvent)
    if (at === -1 && ofStranger) return false
    queue.splice(Math.max(at, 0), 1)
    return true
  }
  const takeIfWanted = async (event: FleetEvent): Promise<void> => {
    if (!(await wanted(event)) || closing.signal.aborted) return
    if (!makeRoomFor(event)) return
    queue.push(event)
    if (!sending) inBackground('webhooks', drain())
  }
  // One after another, so that they stay in their order.
  const inTurn = oneAfterAnother('webhooks')

  return {
    take: (event) => {
      inTurn(() => takeIfWanted(event))
    },
    waiting: () => queue.length,
    close: () => closing.abort(),
  }
}

interface Delivery {
  readonly settings: Pick<WebhookSettings, 'url' | 'secret' | 'timeout'>
  readonly send: typeof fetch
  readonly now: () => number
  /** Aborted when the webhook is closed. */
  readonly signal: AbortSignal
}

/** Sends an event once. The text says why the receiver did not take it; undefined says that it did. */
async function deliver(
  event: FleetEvent,
  { settings: { url, secret, timeout }, send, now, signal }: Delivery,
): Promise<string | undefined> {
  const body = JSON.stringify(event)
  const seconds = Math.floor(now() / 1000)
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  try {
    const response = await send(url, {
      method: 'POST',
      redirect: 'error',
      headers: {
        'Content-Type': 'application/json',
        'Homeport-Event': event.type,
        'Homeport-Delivery': event.id,
        'Homeport-Signature': `t=${seconds},v1=${signature}`,
      },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    })
    await response.body?.cancel()
    return response.ok ? undefined : `status ${response.status}`
  } catch (error) {
    const { cause, message } = error as Error & { readonly cause?: { readonly code?: string } }
    return cause?.code ?? message
  }
}
