import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import type { Scope } from '../authz/scope.js'

/** A token of the HTTP API, as it is kept: whose rights it gives, and what it leaves of them. */
export interface ApiToken {
  /** The part of the token that names it; no secret. */
  readonly id: string
  readonly user: string
  /** SHA-256 of the secret part, which is random and long enough for that. */
  readonly hash: Buffer
  /** Absent for all scopes of the user's roles. */
  readonly scopes?: readonly Scope[]
  /** Selectors; absent for all devices of the user's roles. */
  readonly devices?: readonly string[]
  readonly description?: string
  readonly createdAt: Date
  readonly createdBy: string
  /** Absent for one that is good until it is revoked. */
  readonly expiresAt?: Date
  readonly revocation?: { readonly at: Date; readonly by: string }
  /** When it was used last, give or take a minute. */
  readonly lastUsedAt?: Date
}

const ID_LENGTH = 12
const SECRET_BYTES = 32
const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
/** The start tells people, and programs that look for secrets in the wrong places, what it is. */
const FORM = /^hp_([0-9a-z]{12})_([A-Za-z0-9_-]{43})$/

/** A new token: what the bearer shows, once, and what is kept of it. */
export function generateToken(): { readonly text: string } & Pick<ApiToken, 'id' | 'hash'> {
  const id = Array.from({ length: ID_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  return { text: `hp_${id}_${secret}`, id, hash: hashOf(secret) }
}

/** Whether a text looks like a token of ours, rather than one of an identity provider. */
export function isApiToken(text: string): boolean {
  return text.startsWith('hp_')
}

/** The id in a token and the hash of its secret part; undefined when it is none. */
export function readToken(text: string): Pick<ApiToken, 'id' | 'hash'> | undefined {
  const [, id, secret] = FORM.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, hash: hashOf(secret) }
}

/** Why a token is not good. The words are stable: they stand in answers. */
export type TokenFault = 'invalid-token' | 'expired-token' | 'revoked-token'

export type TokenChecked =
  | { readonly ok: true; readonly token: ApiToken }
  | { readonly ok: false; readonly reason: TokenFault }

/** Whether a token that was shown is good. Only who knows its secret learns more than `invalid-token`. */
export function judgeToken(kept: ApiToken | undefined, shown: Pick<ApiToken, 'hash'>, now: Date): TokenChecked {
  if (kept === undefined || kept.hash.length !== shown.hash.length || !timingSafeEqual(kept.hash, shown.hash))
    return { ok: false, reason: 'invalid-token' }
  if (kept.revocation !== undefined) return { ok: false, reason: 'revoked-token' }
  if (isExpired(kept, now)) return { ok: false, reason: 'expired-token' }
  return { ok: true, token: kept }
}

export function isExpired({ expiresAt }: Pick<ApiToken, 'expiresAt'>, now: Date): boolean {
  return expiresAt !== undefined && expiresAt <= now
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
