import type { ApiToken } from '../../access/authn/api-token.js'
import { samePrincipal } from '../../access/authz/principal.js'
import type { LiveSession } from '../../fleet/live-session.js'
import type { Caller } from './middleware/caller.js'
import type { QueuedJob } from '../../rpc/jobs/job-request.js'

/**
 * What a caller may do with one thing that others may have made. Routes look things up by these functions alone, so
 * that a right is asked of the thing and not of its kind: who has a scope somewhere has it on what belongs to the
 * devices of that scope, and nowhere else.
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
 * One's own jobs, while one may use their devices; those of others, for `admin` on the device, without an answer that
 * one could not ask for.
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

/** All tokens for who administers every device; otherwise one's own. A token that was narrowed knows itself alone. */
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
