import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'

/** Whose JWTs are taken, and what is read of them; times in milliseconds. */
export interface JwtIssuer {
  readonly issuer: string
  readonly audience: string
  /** Absent: as the issuer's discovery document says (OpenID Connect Discovery 1.0 §4). */
  readonly jwksUri?: string
  readonly userClaim: string
  readonly rolesClaim: string
  readonly algorithms: readonly string[]
  readonly clockSkew: number
  readonly fetchTimeout: number
}

/** Somebody for whom the issuer vouches. Of the roles, those count that exist here. */
export interface JwtUser {
  readonly issuer: string
  readonly user: string
  readonly roles: readonly string[]
  /** Until when it is taken, with what clocks may differ. */
  readonly until: Date
}

export type JwtVerdict =
  | ({ readonly ok: true } & JwtUser)
  | {
      readonly ok: false
      /** `unreachable`: nothing was checked, because the issuer's keys are not to be had. */
      readonly reason: 'invalid' | 'expired' | 'unreachable'
      readonly message: string
      readonly hint: string
    }

export type JwtCheck = (text: string) => Promise<JwtVerdict>

/** Milliseconds for which keys are kept, and for which an unknown key is not asked for again. */
const KEYS_KEPT = 10 * 60_000
const KEYS_COOLDOWN = 30_000
/** Milliseconds from a question to the issuer that failed to the next one. */
const ASKED_AGAIN = 2_000
const LONGEST_NAME = 255

/**
 * Makes a check of JWTs (RFC 7519, RFC 9068) against an issuer's keys, which are fetched when the first one comes and
 * kept.
 */
export function createJwtCheck(issuer: JwtIssuer): JwtCheck {
  let keys: Promise<JWTVerifyGetKey> | undefined
  const issuerKeys = (): Promise<JWTVerifyGetKey> => {
    if (keys === undefined) {
      keys = keysOf(issuer)
      // A later token asks again, but whoever sends many of them does not make as many questions of it.
      keys.catch(() => setTimeout(() => (keys = undefined), ASKED_AGAIN).unref())
    }
    return keys
  }

  return async (text) => {
    try {
      // A malformed one shall cost no question to the issuer, and a missing issuer shall not hide that it is malformed.
      const { payload } = await jwtVerify(text, async (...header) => (await issuerKeys())(...header), {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: [...issuer.algorithms],
        clockTolerance: issuer.clockSkew / 1000,
        requiredClaims: ['exp'],
      })
      return userOf(payload, issuer)
    } catch (error) {
      return refusalOf(error, issuer)
    }
  }
}

async function keysOf({ issuer, jwksUri, fetchTimeout }: JwtIssuer): Promise<JWTVerifyGetKey> {
  return createRemoteJWKSet(new URL(jwksUri ?? (await discovered(issuer, fetchTimeout))), {
    timeoutDuration: fetchTimeout,
    cacheMaxAge: KEYS_KEPT,
    cooldownDuration: KEYS_COOLDOWN,
  })
}

/** Where the issuer says that its keys are. A document that is another's proves nothing. */
async function discovered(issuer: string, timeout: number): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const answer = await fetch(address, { redirect: 'manual', signal: AbortSignal.timeout(timeout) })
  if (answer.status !== 200) throw new Unreachable(`${address} answers with status ${answer.status}`)
  const document = (await answer.json()) as { readonly issuer?: unknown; readonly jwks_uri?: unknown }
  if (document.issuer !== issuer) throw new Unreachable(`${address} is about another issuer`)
  const { jwks_uri: uri } = document
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw new Unreachable(`${address} names no keys`)
  if (issuer.startsWith('https:') && !uri.startsWith('https:'))
    throw new Unreachable(`${address} names keys that come over plain HTTP`)
  return uri
}

function userOf(payload: JWTPayload, { issuer, userClaim, rolesClaim, clockSkew }: JwtIssuer): JwtVerdict {
  const user = claimOf(payload, userClaim) ?? payload.sub
  if (typeof user !== 'string' || user === '' || Buffer.byteLength(user) > LONGEST_NAME || /[\p{C}\p{Z}]/u.test(user))
    return invalid(`its claims ${userClaim} and sub name no user`, 'see endpoint.http.oidc.user-claim')
  const until = new Date((payload.exp ?? 0) * 1000 + clockSkew)
  return { ok: true, issuer, user, roles: rolesOf(claimOf(payload, rolesClaim)), until }
}

/** A claim by its name, which may hold dots itself, else by dots that lead into objects. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name]
  return name
    .split('.')
    .reduce<unknown>(
      (at, step) =>
        typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? (at as JWTPayload)[step] : undefined,
      payload,
    )
}

function rolesOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((word) => word !== '')
  return Array.isArray(claim) ? claim.filter((role) => typeof role === 'string') : []
}

class Unreachable extends Error {}

/** jose's own messages name claims and headers, never what is in them. */
function refusalOf(error: unknown, { issuer, audience }: JwtIssuer): JwtVerdict {
  if (error instanceof errors.JWTExpired)
    return { ok: false, reason: 'expired', message: 'the token has expired', hint: 'get a new one from its issuer' }
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalid(
      `its claim ${JSON.stringify(error.claim)} is not what is wanted here (${error.reason})`,
      `wanted are the issuer ${issuer} and the audience ${audience}`,
    )
  if (error instanceof errors.JWKSNoMatchingKey)
    return invalid('the issuer has no key of that name', `wanted is the issuer ${issuer}`)
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return invalid('its signature is not that of the issuer', `wanted is the issuer ${issuer}`)
  if (error instanceof errors.JOSEAlgNotAllowed)
    return invalid('its signature is of a kind that does not count', 'see endpoint.http.oidc.algorithms')
  if (error instanceof errors.JWKSTimeout) return unreachable('its keys do not arrive in time')
  // jose says of an answer that is no key set only this much.
  if (error instanceof errors.JWKSInvalid || (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC'))
    return unreachable('it gives no key set')
  if (error instanceof errors.JOSEError) return invalid('it is malformed', 'three parts with dots between them')
  return unreachable(reasonOf(error))
}

function reasonOf(error: unknown): string {
  if (error instanceof Unreachable) return error.message
  if (!(error instanceof Error)) return 'for an unknown reason'
  const { code } = (error.cause ?? error) as NodeJS.ErrnoException
  return error.name === 'TimeoutError' ? 'it does not answer in time' : (code ?? error.message)
}

function invalid(message: string, hint: string): JwtVerdict {
  return { ok: false, reason: 'invalid', message: `the token is not good: ${message}`, hint }
}

function unreachable(why: string): JwtVerdict {
  return {
    ok: false,
    reason: 'unreachable',
    message: `the identity provider does not answer, so the token could not be checked: ${why}`,
    hint:
      'look at endpoint.http.oidc and at the provider; ' +
      'tokens of homeport token create and passwords work meanwhile',
  }
}
