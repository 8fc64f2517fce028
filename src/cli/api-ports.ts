import type { Fleet } from '../fleet/fleet.js'
import type { Api } from '../northbound/http/api.js'
import { operatorCaller, userCaller } from '../northbound/http/caller.js'
import type { JobStore } from '../northbound/http/jobs/job.js'
import { createJobDesk, type JobDesk } from '../northbound/http/jobs/job-desk.js'
import { runJob } from '../northbound/http/jobs/run-job.js'
import type { FleetEventLog } from '../northbound/http/streams/fleet-events.js'
import { createWebhook, type Webhook } from '../northbound/http/webhooks/webhook.js'
import type { Accounts } from '../northbound/authorise.js'
import type { Store } from '../store/store.js'
import type { Log } from '../telemetry/log.js'
import type { Settings } from './settings.js'

/** Jobs, kept in the store and run through the app of the operator's socket with the rights of their owners. */
export function jobDeskOn(options: {
  readonly store: Store
  readonly fleet: Fleet
  readonly accounts: Accounts
  readonly app: () => Pick<Api, 'fetch'>
  readonly settings: () => Settings
  readonly log: Log
}): Promise<JobDesk> {
  const { store, fleet, accounts, app, settings, log } = options
  return createJobDesk({
    store: jobStoreOn(store, log),
    fleet,
    limits: () => settings().jobLimits,
    log,
    run: (job) => {
      const { realm, name: user, scopes, devices } = job.owner
      const caller =
        realm === 'operator'
          ? operatorCaller(fleet)
          : userCaller(fleet, accounts, {
              user,
              realm,
              source: `job ${job.id}`,
              method: 'token',
              ...(scopes === undefined ? {} : { scopes }),
              ...(devices === undefined ? {} : { devices }),
            })
      return runJob(app(), job, caller)
    },
  })
}

function jobStoreOn({ jobs }: Store, log: Log): JobStore {
  const told = ({ problem }: { readonly problem: { readonly message: string; readonly hint: string } }): false => {
    log.error({ hint: problem.hint }, `job not written to the store: ${problem.message}`)
    return false
  }
  return {
    list: jobs.list,
    put: async (job) => {
      const written = await jobs.put(job)
      return written.ok || told(written)
    },
    remove: async (id) => {
      const written = await jobs.remove(id)
      return written.ok || told(written)
    },
  }
}

/** The webhooks of the configuration; a reload makes them anew, and what waited in one that stays as it was stays. */
export function webhooksOn(events: FleetEventLog, fleet: Fleet, log: Log) {
  let webhooks = new Map<string, Webhook>()
  const stopListening = events.listen((event) => {
    for (const webhook of webhooks.values()) webhook.take(event)
  })
  return {
    configure: ({ webhooks: wanted }: Pick<Settings, 'webhooks'>): void => {
      const next = new Map<string, Webhook>()
      for (const settings of wanted) {
        const key = JSON.stringify(settings)
        next.set(key, webhooks.get(key) ?? createWebhook(settings, { fleet, log }))
      }
      for (const [key, webhook] of webhooks) if (!next.has(key)) webhook.close()
      webhooks = next
    },
    close: (): void => {
      stopListening()
      for (const webhook of webhooks.values()) webhook.close()
    },
  }
}
