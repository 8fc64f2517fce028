import type { RightEnd } from '../access/authz/right-end.js'
import { rightEnd, tokenEnd } from '../fleet/refusals/session-ends.js'
import type { TokenService } from '../access/authn/token-service.js'
import type { Fleet } from '../fleet/fleet.js'
import { type Caller, operatorCaller, userCaller } from '../northbound/http/middleware/caller.js'
import { createJobQueue, type JobQueue } from '../rpc/jobs/job-queue.js'
import { type JobServices, runJob } from '../northbound/http/jobs/run-job.js'
import { type Accounts, rightLostBy } from '../northbound/authorise.js'
import type { JobOwner } from '../store/job.js'
import type { Store } from '../store/store.js'
import { type DeviceDirectory, directoryOf } from '../northbound/device-directory.js'
import type { Log } from '../telemetry/log.js'
import { isServed } from './http-access.js'
import type { LiveSettings } from './settings.js'

/** Jobs, kept in the store and run with the rights that their owners have by then. */
export function jobQueueOn(options: {
  readonly store: Store
  readonly fleet: Fleet
  readonly accounts: Accounts
  readonly tokens: Pick<TokenService, 'standing'>
  /** What carries them out. */
  readonly services: JobServices
  readonly settings: LiveSettings
  readonly log: Log
}): Promise<JobQueue> {
  const { store, fleet, accounts, tokens, services, settings, log } = options
  const devices = directoryOf(fleet, services.enrolments)
  const callerOf = (owner: JobOwner, source: string): Caller =>
    owner.realm === 'operator' ? operatorCaller(devices) : ownerCaller({ devices, accounts }, owner, source)
  const ended = async (owner: JobOwner): Promise<RightEnd | undefined> => {
    const { realm, token, until } = owner
    const fault = token === undefined ? undefined : await tokens.standing(token)
    if (fault !== undefined) return tokenEnd(fault === 'expired-token')
    if (until !== undefined && until <= Date.now()) return rightEnd('expired-token')
    const byHook = realm === 'local' && owner.roles !== undefined
    if (!isServed(settings.current, byHook ? 'hook' : realm))
      return rightEnd('login-withdrawn', 'who vouched for its owner is not configured any more')
    return callerOf(owner, 'job').ended()
  }
  return createJobQueue({
    store: store.jobs,
    fleet,
    limits: () => settings.current.jobLimits,
    log,
    ended,
    denied: async ({ owner, deviceId }) => rightLostBy(await callerOf(owner, 'job').authorise(deviceId)),
    run: (job) => runJob(services, job, callerOf(job.owner, `job ${job.id}`)),
  })
}

/** The owner of a job: with the roles of the entry in the configuration, or those that an issuer or the hook gave. */
function ownerCaller(
  { devices: directory, accounts }: { readonly devices: DeviceDirectory; readonly accounts: Accounts },
  owner: JobOwner,
  source: string,
): Caller {
  const { realm, name, scopes, devices, roles, token } = owner
  // Whom others vouch for has no entry, whatever stands there by the same name.
  const granted = realm === 'local' ? roles : (roles ?? [])
  const account = { name, authorizedKeys: [], principals: [], roles: granted ?? [] }
  const isGone = (): boolean => realm === 'local' && accounts.find(name) === undefined
  const own: Accounts =
    granted === undefined ? accounts : { find: () => (isGone() ? undefined : account), roles: accounts.roles }
  return userCaller(directory, own, {
    user: name,
    realm,
    source,
    method: 'token',
    ...(token === undefined ? {} : { token }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(devices === undefined ? {} : { devices }),
  })
}
