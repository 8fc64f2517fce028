import { setTimeout as after } from 'node:timers/promises'
import { networkOf } from '../../net/source-network.js'
import type { AskHook } from './authentication-hook.js'
import { createRandomAdmission } from './random-admission.js'
import { grantOfHook, type HookGrant, type HookRefusalReason, userGranted } from './hook-grant.js'
import { createKeyedSemaphore } from '../../lib/keyed-semaphore.js'
import { createSecretCache } from '../../lib/secret-cache.js'
import type { LoginLimiter } from './login-limits.js'
import type { PasswordCheck } from './password-check.js'
import type { Realm } from '../authz/principal.js'
import type { User } from './user.js'

/** Somebody who says that a name and a password are theirs. */
export interface PasswordAttempt {
  readonly user: string
  readonly password: string
  /** The address alone, as a socket tells it. */
  readonly address: string
  readonly via: 'ssh' | 'http'
  /** The device that was asked for, where that is known. */
  readonly deviceId?: string
  /** The attempt is malformed in another way and must fail, in the same time as one with a wrong password. */
  readonly hopeless?: boolean
}

/** Why a password does not let somebody in. The words are stable: they stand in logs. */
export type PasswordRefusalReason = 'wrong-password' | 'blocked' | 'busy' | HookRefusalReason

export interface PasswordRefusal {
  readonly ok: false
  readonly reason: PasswordRefusalReason
  /** For the log: nobody who has not been authenticated is told more than that it failed. */
  readonly message?: string
  /** Milliseconds until another attempt is worth while. */
  readonly retryAfter?: number
}

export type PasswordDecision =
  | {
      readonly ok: true
      readonly user: User
      /**
       * `hook` for somebody whom the hook alone knows by that name; `local` for a user of the configuration, whoever
       * checked the password.
       */
      readonly realm: Realm
      /** The roles that the hook gave; absent where those of the user's entry count. */
      readonly grantedRoles?: readonly string[]
      /**
       * The user as of now, asked for as long as whoever logged in stays; undefined once there is no such user any
       * more.
       */
      readonly account: () => User | undefined
    }
  | PasswordRefusal

/**
 * Whether a name and a password let somebody in, the same for every transport. A failure is answered late on purpose.
 */
export type AuthenticatePassword = (attempt: PasswordAttempt) => Promise<PasswordDecision>

/** What it decides by; a reload changes what these give. */
export interface PasswordAuthority {
  readonly find: (name: string) => User | undefined
  readonly checkPassword: PasswordCheck
  readonly limiter: LoginLimiter
  readonly settings: () => PasswordAuthoritySettings
}

/** Times in milliseconds. */
export interface PasswordAuthoritySettings {
  /** Asked about names that have no password here. */
  readonly hook?: { readonly ask: AskHook; readonly cache: number }
  readonly isRole: (name: string) => boolean
  /** How long a login that succeeded is known at its address. */
  readonly rememberLogins: number
  /** How long a password that was wrong is known to be. */
  readonly rememberWrong: number
  /** One password in this time is verified of those that a block holds back. */
  readonly checkWhileBlocked: number
}

/**
 * Attempts of one user name from one address that wait for each other: as many as a whole fleet of scripts starts at
 * once.
 */
const WAITING_PER_PAIR = 1024
/** User names of one address that wait for each other. */
const WAITING_PER_ADDRESS = 64
/** Logins, and wrong passwords, that are remembered. */
const MOST_REMEMBERED = 10_000

/** A login that succeeded; by the hook, with what it gave and until when (ms since 1970) it need not be asked again. */
type KnownLogin = { readonly by: 'hash' } | { readonly by: 'hook'; readonly grant: HookGrant; readonly fresh: number }

type Verified =
  | { readonly kind: 'right'; readonly grant?: HookGrant }
  | { readonly kind: 'held-back'; readonly block: string; readonly retryAfter: number }
  | Refused

interface Refused {
  readonly kind: 'refused'
  readonly refusal: PasswordRefusal
  /** Milliseconds from the question to its answer. */
  readonly delay: number
}

/**
 * Makes the one place where it is decided whether a password lets somebody in. There is one verification at a time of a
 * name from an address, and one derivation at a time of an address: so a failure is counted before the next is
 * verified, and who shares the address of somebody who guesses waits for little. A password that was found right or
 * wrong from an address is recognised without another derivation: fifty scripts that log in at once cost one, and so
 * does one that goes on with an old password.
 */
export function createPasswordAuthentication(authority: PasswordAuthority): AuthenticatePassword {
  const { find, checkPassword, limiter, settings } = authority
  const turnOfPair = createKeyedSemaphore(1, WAITING_PER_PAIR)
  const turnOfAddress = createKeyedSemaphore(1, WAITING_PER_ADDRESS)
  const known = createSecretCache<KnownLogin>(MOST_REMEMBERED)
  const wrong = createSecretCache<true>(MOST_REMEMBERED)
  const drawn = createRandomAdmission(() => settings().checkWhileBlocked)

  const refused = async (
    { user, address }: PasswordAttempt,
    refusal: Omit<PasswordRefusal, 'ok'>,
    despiteBlock = false,
  ): Promise<Refused> => {
    const isGuess = refusal.reason === 'wrong-password' || refusal.reason === 'hook-refused'
    // Who was drawn of those that a block holds back adds nothing to it, nor to another one: how many they are is
    // bounded already.
    const count = despiteBlock ? limiter.turnedAway : isGuess ? limiter.failed : limiter.slowDown
    return { kind: 'refused', refusal: { ok: false, ...refusal }, delay: await count(user, address) }
  }

  const verify = async (attempt: PasswordAttempt, despiteBlock: boolean): Promise<Verified> => {
    const { user: name, password, address, hopeless = false } = attempt
    const network = networkOf(address)
    const entry = hopeless ? undefined : find(name)
    const { hook, rememberLogins, rememberWrong, isRole } = settings()
    const asksHook = hook !== undefined && entry?.passwordHash === undefined && !hopeless
    const words = [asksHook ? 'hook' : 'hash', name, password, network, entry?.passwordHash ?? '']

    const before = hopeless ? undefined : known.recall(words)
    const standing = await limiter.check(name, address)
    if (!standing.allowed && !despiteBlock && !(before !== undefined && standing.knownMayPass))
      return { kind: 'held-back', block: standing.block, retryAfter: standing.retryAfter }
    if (before?.by === 'hash') return { kind: 'right' }
    if (before?.by === 'hook' && Date.now() < before.fresh) return { kind: 'right', grant: before.grant }

    const succeeded = async (login: KnownLogin, lifetime: number): Promise<void> => {
      known.remember(words, login, lifetime)
      // Who got past a block does not lift it: others may be behind it.
      if (standing.allowed) await limiter.succeeded(name, address)
    }
    if (asksHook) {
      const { via, deviceId } = attempt
      const device = deviceId === undefined ? {} : { device: deviceId }
      const answer = await hook.ask({ user: name, password, source: address, via, ...device })
      const granted = grantOfHook(answer, entry, isRole)
      if (!granted.ok) {
        if (granted.reason === 'hook-refused') known.forget(words)
        return refused(attempt, granted, despiteBlock)
      }
      const login = { by: 'hook', grant: granted.grant, fresh: Date.now() + hook.cache } as const
      await succeeded(login, Math.max(rememberLogins, hook.cache))
      return { kind: 'right', grant: granted.grant }
    }

    if (wrong.recall(words) === true) {
      const delay = await limiter.slowDown(name, address)
      return { kind: 'refused', refusal: { ok: false, reason: 'wrong-password' }, delay }
    }
    const turn = await turnOfAddress(network)(() => checkPassword(entry, password))
    if (!turn.entered) return refused(attempt, { reason: 'busy' }, despiteBlock)
    if (!turn.result.ok) {
      if (turn.result.reason === 'wrong-password') wrong.remember(words, true, rememberWrong)
      return refused(attempt, { reason: turn.result.reason }, despiteBlock)
    }
    await succeeded({ by: 'hash' }, rememberLogins)
    return { kind: 'right' }
  }

  const inTurn = async (attempt: PasswordAttempt, despiteBlock: boolean): Promise<Verified> => {
    const pair = JSON.stringify([attempt.user, networkOf(attempt.address)])
    const turn = await turnOfPair(pair)(() => verify(attempt, despiteBlock))
    return turn.entered ? turn.result : refused(attempt, { reason: 'busy' })
  }

  const heldBack = async ({ user, address }: PasswordAttempt, retryAfter: number): Promise<Refused> => {
    const delay = await limiter.turnedAway(user, address)
    return { kind: 'refused', refusal: { ok: false, reason: 'blocked', retryAfter }, delay }
  }

  return async (attempt) => {
    const began = performance.now()
    let verified = await inTurn(attempt, false)
    if (verified.kind === 'held-back' && (await drawn(verified.block))) verified = await inTurn(attempt, true)
    if (verified.kind === 'right') {
      const account = accountOf(authority, attempt.user, verified.grant)
      const user = account()
      if (user !== undefined) {
        const realm = realmOf(authority, attempt.user, verified.grant)
        const granted = realm === 'hook' || verified.grant?.roles !== undefined ? { grantedRoles: user.roles } : {}
        return { ok: true, user, realm, ...granted, account }
      }
      verified = await refused(attempt, { reason: 'wrong-password', message: 'the user was removed meanwhile' })
    }
    const { refusal, delay } = verified.kind === 'refused' ? verified : await heldBack(attempt, verified.retryAfter)
    // Counted from the question, so that what it took to find out does not show.
    await after(Math.max(began + delay - performance.now(), 0))
    return refusal
  }
}

/** A hook that gives another name, or knows somebody who is not in the configuration, vouches for a name of its own. */
function realmOf({ find }: PasswordAuthority, name: string, grant: HookGrant | undefined): Realm {
  if (grant === undefined) return 'local'
  return (grant.user ?? name) === name && find(name) !== undefined ? 'local' : 'hook'
}

/** Who somebody is from now on: the entry of the name, or what the hook gave for as long as one is asked. */
function accountOf(
  { find, settings }: PasswordAuthority,
  name: string,
  grant: HookGrant | undefined,
): () => User | undefined {
  if (grant === undefined) return () => find(name)
  const hadEntry = find(name) !== undefined
  return () => {
    const entry = find(name)
    if (settings().hook === undefined || (hadEntry && entry === undefined)) return undefined
    return userGranted(name, entry, grant)
  }
}
