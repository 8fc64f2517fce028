import { randomBytes } from 'node:crypto'
import { createSemaphore } from '../../lib/semaphore.js'
import {
  DEFAULT_COST,
  matchesPassword,
  parsePasswordHash,
  type PasswordHash,
  type ScryptCost,
} from './password-hash.js'
import type { User } from './user.js'

/** `busy`: too many logins at once, nothing was checked; the client may try again. */
export type PasswordVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'wrong-password' | 'busy'; readonly hint: string }

export interface PasswordCheckOptions {
  /** How many derivations run at once; each takes a thread and, by default, 32 MiB. */
  readonly atOnce?: number
  /** How many more may wait. */
  readonly waiting?: number
  /** The cost of the derivation for a user who does not exist; that of the real hashes, or timing tells. */
  readonly decoyCost?: ScryptCost
  readonly matches?: (password: string, hash: PasswordHash) => Promise<boolean>
}

export type PasswordCheck = (user: Pick<User, 'passwordHash'> | undefined, password: string) => Promise<PasswordVerdict>

/**
 * Makes the one place where passwords are checked. A user who does not exist, or has no password, costs the same
 * derivation as a wrong password, so that time does not tell who exists.
 */
export function createPasswordCheck(options: PasswordCheckOptions = {}): PasswordCheck {
  const { atOnce = 2, waiting = 64, decoyCost = DEFAULT_COST, matches = matchesPassword } = options
  const gate = createSemaphore(atOnce, waiting)
  const decoy: PasswordHash = { cost: decoyCost, salt: randomBytes(16), hash: randomBytes(32) }

  return async (user, password) => {
    const parsed = user?.passwordHash === undefined ? undefined : parsePasswordHash(user.passwordHash)
    const hash = parsed?.ok === true ? parsed.hash : undefined
    const run = await gate(async () => (await matches(password, hash ?? decoy)) && hash !== undefined)
    if (!run.entered) return { ok: false, reason: 'busy', hint: 'too many logins at once, try again in a moment' }
    if (run.result) return { ok: true }
    return { ok: false, reason: 'wrong-password', hint: 'check the user name and the password' }
  }
}
