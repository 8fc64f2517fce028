import type { FleetEventLog } from '../fleet/event-log.js'
import type { Fleet } from '../fleet/fleet.js'
import { createWebhook, type Webhook } from '../northbound/webhooks/webhook.js'
import type { Log } from '../telemetry/log.js'
import type { WebhookMetrics } from '../telemetry/metrics.js'
import type { LiveSettings, Settings } from './settings.js'

export interface RunningWebhooks {
  /** Events that wait for their receivers. */
  readonly waiting: () => number
  readonly close: () => void
}

/**
 * Runs the webhooks of the configuration. A reload makes those anew that it changes; what waits in another one stays.
 */
export function startWebhooks(options: {
  readonly settings: LiveSettings
  readonly events: FleetEventLog
  readonly fleet: Fleet
  readonly log: Log
  readonly metrics: WebhookMetrics
}): RunningWebhooks {
  const { settings, events, ...context } = options
  let webhooks = new Map<string, Webhook>()
  const configure = (wanted: Settings['webhooks']): void => {
    const next = new Map<string, Webhook>()
    for (const webhook of wanted) {
      const key = JSON.stringify(webhook)
      next.set(key, webhooks.get(key) ?? createWebhook(webhook, context))
    }
    for (const [key, webhook] of webhooks) if (!next.has(key)) webhook.close()
    webhooks = next
  }
  configure(settings.current.webhooks)
  settings.onChange(({ webhooks: wanted }) => wanted, configure)
  const stopListening = events.listen((event) => {
    for (const webhook of webhooks.values()) webhook.take(event)
  })
  return {
    waiting: () => [...webhooks.values()].reduce((all, webhook) => all + webhook.waiting(), 0),
    close: () => {
      stopListening()
      for (const webhook of webhooks.values()) webhook.close()
    },
  }
}
