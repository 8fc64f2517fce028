import {
  type ApiToken,
  generateToken,
  isExpired,
  judgeToken,
  readToken,
  type TokenChecked,
  type TokenFault,
} from './api-token.js'

/** Where tokens are kept. What it cannot do it answers with a problem, or throws where a read fails. */
export interface TokenShelf {
  readonly get: (id: string) => Promise<ApiToken | undefined>
  readonly list: () => Promise<readonly ApiToken[]>
  readonly update: (id: string, change: (current: ApiToken | undefined) => ApiToken | undefined) => Promise<Shelved>
}

export type Shelved =
  | { readonly ok: true; readonly value: ApiToken | undefined }
  | { readonly ok: false; readonly failure: { readonly message: string; readonly hint: string } }

/** A token that shall be. */
export type WantedToken = Pick<ApiToken, 'user' | 'scopes' | 'devices' | 'description' | 'expiresAt' | 'createdBy'>

export interface TokenRefusal<Cause extends string> {
  readonly reason: Cause
  readonly message: string
  readonly hint: string
}

export type TokenCreated =
  /** `text` is what the bearer shows; it is nowhere else, and never again. */
  | { readonly ok: true; readonly token: ApiToken; readonly text: string }
  | { readonly ok: false; readonly refusal: TokenRefusal<'unknown-user' | 'too-many-tokens' | 'not-written'> }

export type TokenRevoked =
  | { readonly ok: true; readonly token: ApiToken }
  | { readonly ok: false; readonly refusal: TokenRefusal<'unknown-token' | 'not-written'> }

/** The tokens of the HTTP API. */
export interface TokenService {
  readonly create: (wanted: WantedToken) => Promise<TokenCreated>
  /** By its id, good or not. */
  readonly get: (id: string) => Promise<ApiToken | undefined>
  /** The oldest first, with those that are not good any more. */
  readonly list: () => Promise<readonly ApiToken[]>
  /** From now on it is refused; one that is revoked already stays as it is. */
  readonly revoke: (id: string, by: string) => Promise<TokenRevoked>
  /** Learns that another node has revoked a token, where it has. */
  readonly reread: (id: string) => Promise<void>
  /** Why a token that was good is not so any more; from memory, so that it may be asked at every step. */
  readonly faultOf: (token: Pick<ApiToken, 'id' | 'expiresAt'>) => TokenFault | undefined
  /** Why the token of this id is not good; undefined where it is. */
  readonly standing: (id: string) => Promise<TokenFault | undefined>
  /** Whether what a bearer shows is good. */
  readonly check: (text: string) => Promise<TokenChecked>
}

export interface TokenServiceOptions {
  readonly shelf: TokenShelf
  readonly isUser: (name: string) => boolean
  /** Tokens that are good at a time. */
  readonly maxTokens: () => number
  /** Told when the time of the last use could not be written. */
  readonly onProblem: (failure: { readonly message: string; readonly hint: string }) => void
  /** Told of each token that is refused from now on. */
  readonly onRevoked?: () => void
  readonly now?: () => Date
}

/** Milliseconds between two writes of when a token was used. */
const USED_INTERVAL = 60_000
/** Milliseconds that one that is not good any more is still listed. */
const KEPT = 90 * 24 * 60 * 60 * 1000

export function createTokenService({
  shelf,
  isUser,
  maxTokens,
  onProblem,
  onRevoked,
  now = () => new Date(),
}: TokenServiceOptions): TokenService {
  /** The ids of those that this process saw revoked. */
  const revoked = new Set<string>()
  const faultOf: TokenService['faultOf'] = (token) => {
    if (revoked.has(token.id)) return 'revoked-token'
    return isExpired(token, now()) ? 'expired-token' : undefined
  }

  const noteUse = async (token: ApiToken): Promise<void> => {
    const at = now()
    if (token.lastUsedAt !== undefined && at.getTime() - token.lastUsedAt.getTime() < USED_INTERVAL) return
    const written = await shelf.update(token.id, (current) => current && { ...current, lastUsedAt: at })
    if (!written.ok) onProblem(written.failure)
  }

  /** Removes what ended long ago, and counts what is good. */
  const tidy = async (): Promise<number> => {
    const at = now()
    let good = 0
    for (const token of await shelf.list()) {
      const ended = token.revocation?.at ?? (isExpired(token, at) ? token.expiresAt : undefined)
      if (ended === undefined) good += 1
      else if (at.getTime() - ended.getTime() > KEPT) {
        await shelf.update(token.id, () => undefined)
        revoked.delete(token.id)
      }
    }
    return good
  }

  return {
    create: inTurn(async (wanted) => {
      if (!isUser(wanted.user)) return { ok: false, refusal: unknownUser(wanted.user) }
      const good = await tidy()
      if (good >= maxTokens()) return { ok: false, refusal: tooMany(good) }
      const { text, id, hash } = generateToken()
      const token: ApiToken = { id, hash, createdAt: now(), ...wanted }
      const written = await shelf.update(id, () => token)
      if (!written.ok) return { ok: false, refusal: { ...written.failure, reason: 'not-written' } }
      return { ok: true, token, text }
    }),
    get: (id) => shelf.get(id),
    list: () => shelf.list(),
    revoke: async (id, by) => {
      const revocation = { at: now(), by }
      const written = await shelf.update(id, (current) =>
        current === undefined || current.revocation !== undefined ? current : { ...current, revocation },
      )
      if (!written.ok) return { ok: false, refusal: { ...written.failure, reason: 'not-written' } }
      if (written.value === undefined) return { ok: false, refusal: unknownToken(id) }
      revoked.add(id)
      onRevoked?.()
      return { ok: true, token: written.value }
    },
    reread: async (id) => {
      const token = await shelf.get(id)
      if (token?.revocation === undefined || revoked.has(id)) return
      revoked.add(id)
      onRevoked?.()
    },
    faultOf,
    standing: async (id) => {
      const token = await shelf.get(id)
      if (token === undefined) return 'invalid-token'
      return token.revocation === undefined ? faultOf(token) : 'revoked-token'
    },
    check: async (text) => {
      const shown = readToken(text)
      if (shown === undefined) return { ok: false, reason: 'invalid-token' }
      const checked = judgeToken(await shelf.get(shown.id), shown, now())
      if (checked.ok) await noteUse(checked.token)
      return checked
    },
  }
}

/** Does one after another, so that two at once do not both find the last place free. */
function inTurn<Asked, Answer>(work: (asked: Asked) => Promise<Answer>): (asked: Asked) => Promise<Answer> {
  let last: Promise<unknown> = Promise.resolve()
  return (asked) => {
    const next = last.then(() => work(asked))
    last = next.catch(() => undefined)
    return next
  }
}

function unknownUser(name: string): TokenRefusal<'unknown-user'> {
  return {
    reason: 'unknown-user',
    message: `there is no user ${JSON.stringify(name)}`,
    hint: 'a token acts as a user of the configuration; check the spelling',
  }
}

function tooMany(good: number): TokenRefusal<'too-many-tokens'> {
  return {
    reason: 'too-many-tokens',
    message: `there are as many tokens as there may be: ${good}`,
    hint: 'revoke those that nobody needs (homeport token list), or raise endpoint.http.max-tokens',
  }
}

/** There is none of this id, as far as who asks may know. */
export function unknownToken(id: string): TokenRefusal<'unknown-token'> {
  return {
    reason: 'unknown-token',
    message: `there is no token ${JSON.stringify(id)}`,
    hint: 'the id is what stands between hp_ and the next _; homeport token list has all of them',
  }
}
