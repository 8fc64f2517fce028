import type { ApiToken } from '../../access/authn/api-token.js'
import { samePrincipal } from '../../access/authz/principal.js'
import type { LiveSession } from '../../fleet/live-session.js'
import type { Caller } from './middleware/caller.js'
import type { QueuedJob } from '../../rpc/jobs/job-request.js'

/**
 * What a caller may do with one thing (a job, a token, a session) that somebody else may have made. Routes look things
 * up by these functions alone, so each right is checked on the thing itself. A caller with the scope `admin` on some
 * devices has it on the jobs and sessions of those devices, and on no others.
 */
export interface RightsOnThing {
  /** It is listed, and found by its id. */
  readonly see: boolean
  /** What it holds is shown, such as the answer of a device. */
  readonly read: boolean
  /** It may be ended, cancelled or revoked. */
  readonly end: boolean
}

const none: RightsOnThing = { see: false, read: false, end: false }

/**
 * A caller sees their own jobs, as long as they may use the device. With `admin` on the device they see the jobs of
 * others too, but the answers only where they may use every operation on the device.
 */
export async function rightsOnJob(
  caller: Caller,
  { owner, deviceId }: Pick<QueuedJob, 'owner' | 'deviceId'>,
): Promise<RightsOnThing> {
  const mayUse = await caller.mayOn('rpc', deviceId)
  if (samePrincipal(owner, caller.principal) && mayUse) return { see: true, read: true, end: true }
  if (!(await caller.mayOn('admin', deviceId))) return none
  if (caller.kind === 'operator') return { see: true, read: true, end: true }
  const authorisation = mayUse ? await caller.authorise(deviceId) : undefined
  const read = authorisation?.allowed === true && authorisation.permission.operations.kind === 'all'
  return { see: true, read, end: true }
}

/** A caller who administers every device sees all tokens, any other caller their own. A narrowed token sees itself. */
export function rightsOnToken(caller: Caller, { id, user }: Pick<ApiToken, 'id' | 'user'>): RightsOnThing {
  const narrowed = caller.scopes !== undefined || caller.devices !== undefined
  const own = narrowed ? caller.token === id : samePrincipal(caller.principal, { realm: 'local', name: user })
  const allowed = own || caller.mayEverywhere('admin')
  return { see: allowed, read: allowed, end: allowed }
}

/** Sessions are seen with `read` on their device, and ended with `admin` on it. */
export async function rightsOnSession(
  caller: Caller,
  { deviceId }: Pick<LiveSession, 'deviceId'>,
): Promise<RightsOnThing> {
  const see = await caller.mayOn('read', deviceId)
  return { see, read: see, end: await caller.mayOn('admin', deviceId) }
}

/** Those of many things that a caller may see, in their order. */
export async function visibleTo<Thing>(
  things: readonly Thing[],
  rights: (thing: Thing) => RightsOnThing | Promise<RightsOnThing>,
): Promise<{ readonly thing: Thing; readonly rights: RightsOnThing }[]> {
  const judged = await Promise.all(things.map(async (thing) => ({ thing, rights: await rights(thing) })))
  return judged.filter(({ rights: { see } }) => see)
}
