import type { HookAnswer } from './authentication-hook.js'
import type { User } from './user.js'

/** What the hook gave to somebody it knows. */
export interface HookGrant {
  /** The name that the user has from now on; the one of the login when absent. */
  readonly user?: string
  /** Names of roles; those of the user's entry in the configuration when absent. */
  readonly roles?: readonly string[]
}

export type HookRefusalReason = 'hook-refused' | 'hook-unavailable' | 'hook-no-roles' | 'hook-unknown-role'

export type HookDecision =
  | { readonly ok: true; readonly grant: HookGrant }
  | { readonly ok: false; readonly reason: HookRefusalReason; readonly message: string }

/**
 * Whether the hook's answer lets somebody in. A role that is not defined here lets nobody in: it is a mistake of one
 * side or the other.
 */
export function grantOfHook(
  answer: HookAnswer,
  entry: User | undefined,
  isRole: (name: string) => boolean,
): HookDecision {
  if (answer.kind === 'unavailable') return { ok: false, reason: 'hook-unavailable', message: answer.message }
  if (answer.kind === 'refused')
    return { ok: false, reason: 'hook-refused', message: 'it refused the name or the password' }
  const { user, roles } = answer
  const unknown = roles?.filter((name) => !isRole(name)) ?? []
  if (unknown.length > 0)
    return {
      ok: false,
      reason: 'hook-unknown-role',
      message: `it gave roles that are not defined here: ${named(unknown)}`,
    }
  if ((roles ?? entry?.roles ?? []).length === 0)
    return { ok: false, reason: 'hook-no-roles', message: 'it gave no role, and no entry of the configuration has one' }
  return {
    ok: true,
    grant: { ...(user === undefined ? {} : { user }), ...(roles === undefined ? {} : { roles }) },
  }
}

/** The user that a grant makes: the hook says the roles, an entry of the same name at most the device. */
export function userGranted(name: string, entry: User | undefined, { user, roles }: HookGrant): User {
  return {
    name: user ?? name,
    roles: roles ?? entry?.roles ?? [],
    authorizedKeys: [],
    principals: [],
    ...(entry?.device === undefined ? {} : { device: entry.device }),
  }
}

/** Names in a message; an answer may hold thousands. */
const MOST_NAMED = 5

function named(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name.slice(0, 64)))
  return [...shown, ...(names.length > MOST_NAMED ? [`${names.length - MOST_NAMED} more`] : [])].join(', ')
}
