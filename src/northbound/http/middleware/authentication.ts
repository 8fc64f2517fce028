import type { Context } from 'hono'
import { isApiToken, type TokenFault } from '../../../access/authn/api-token.js'
import type { PasswordRefusalReason } from '../../../access/authn/authenticate-password.js'
import type { JwtCheck } from '../../../access/authn/jwt-check.js'
import { realmOfIssuer, type Realm } from '../../../access/authz/principal.js'
import type { RightEnd } from '../../../access/authz/right-end.js'
import type { TokenService } from '../../../access/authn/token-service.js'
import type { User } from '../../../access/authn/user.js'
import { rightEnd, tokenEnd } from '../../../fleet/refusals/session-ends.js'
import type { DeviceDirectory } from '../../device-directory.js'
import type { Log } from '../../../telemetry/log.js'
import type { Accounts } from '../../authorise.js'
import type { LoginLog } from '../../login-log.js'
import type { ApiEnv, Identified, Identify } from '../api.js'
import { type ProvenUser, userCaller } from './caller.js'
import { answerProblem, type ProblemWords } from '../problem.js'
import type { ProblemType } from '../problem-types.js'

/** Somebody who says over HTTP that a name and a password are theirs. */
export interface HttpPasswordAttempt {
  readonly user: string
  readonly password: string
  /** The address alone. */
  readonly address: string
  readonly via: 'http'
}

export type HttpPasswordDecision =
  | {
      readonly ok: true
      readonly realm: Realm
      readonly grantedRoles?: readonly string[]
      readonly account: () => User | undefined
    }
  | {
      readonly ok: false
      readonly reason: PasswordRefusalReason
      /** For the log. */
      readonly message?: string
      /** Milliseconds until another attempt is worth while, where there were too many. */
      readonly retryAfter?: number
    }

/** What callers prove who they are by; a reload changes what these give. */
export interface HttpAuthenticators extends Accounts {
  readonly authenticatePassword: (attempt: HttpPasswordAttempt) => Promise<HttpPasswordDecision>
  readonly loginLog: Pick<LoginLog, 'failed'>
  readonly tokens: Pick<TokenService, 'check' | 'faultOf'>
  /** Of the identity provider, where there is one. */
  readonly checkJwt: () => JwtCheck | undefined
  /** Whether who a realm vouches for is let in at all now: the hook, or this issuer, is still configured. */
  readonly isServed: (realm: Realm) => boolean
}

/** Seconds, where the limits on logins tell none. */
const USUAL_RETRY_AFTER = 1

/**
 * Finds out who calls over the network: by a token, a JWT, or a user's password. The same roles then count as over SSH.
 */
export function identifyByCredentials(
  devices: DeviceDirectory,
  authenticators: HttpAuthenticators,
  log: Log,
): Identify {
  return async (c) => {
    const attempt: Attempt = { c, devices, authenticators, log }
    if (!c.get('peer').secure)
      // Before anything is looked at, and without a challenge: nobody shall be led to send a password this way.
      return refuse(c, 'insecure-transport', {
        message: 'neither password nor token is taken over plain HTTP from another machine',
        hint: 'use https; behind a proxy that speaks TLS, name it in endpoint.http.trusted-proxies',
      })
    const [, scheme = '', given = ''] = /^([A-Za-z]+) +(\S+) *$/.exec(c.req.header('Authorization') ?? '') ?? []
    switch (scheme.toLowerCase()) {
      case 'bearer':
        return isApiToken(given) ? byToken(attempt, given) : byJwt(attempt, given)
      case 'basic': {
        const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(given, 'base64').toString('utf8')) ?? []
        if (user !== undefined && password !== undefined) return byPassword(attempt, user, password)
        break
      }
    }
    return refuse(c, 'not-authenticated', {
      message: 'this needs a token or a password',
      hint:
        'send Authorization: Bearer TOKEN ' +
        '(homeport token create), or basic authentication as a user of the configuration',
    })
  }
}

/** A call whose caller is to be found out, and what is asked about callers. */
interface Attempt {
  readonly c: Context<ApiEnv>
  readonly devices: DeviceDirectory
  readonly authenticators: HttpAuthenticators
  readonly log: Log
}

async function byToken(attempt: Attempt, text: string): Promise<Identified> {
  const { c, authenticators } = attempt
  const checked = await authenticators.tokens.check(text)
  if (!checked.ok) {
    authenticators.loginLog.failed(
      { ...triedBy(attempt), method: 'token' },
      checked.reason,
      tokenWords[checked.reason].message,
    )
    return refuse(c, checked.reason, tokenWords[checked.reason])
  }
  const { user, scopes, devices, id } = checked.token
  const account = (): User | undefined => authenticators.find(user)
  if (account() === undefined)
    return refuse(c, 'invalid-token', {
      message: `the user ${JSON.stringify(user)} of the token was removed`,
      hint: 'make a token for another user',
    })
  const withdrawn = (): RightEnd | undefined => {
    const fault = authenticators.tokens.faultOf(checked.token)
    return fault && tokenEnd(fault === 'expired-token')
  }
  const until = checked.token.expiresAt
  const narrowed = { ...(scopes === undefined ? {} : { scopes }), ...(devices === undefined ? {} : { devices }) }
  return identified(
    attempt,
    { user, realm: 'local', method: 'token', token: id, ...narrowed, ...(until && { until }), withdrawn },
    account,
  )
}

async function byJwt(attempt: Attempt, text: string): Promise<Identified> {
  const { c, authenticators, log } = attempt
  const check = authenticators.checkJwt()
  if (check === undefined) return refuse(c, 'invalid-token', tokenWords['invalid-token'])
  const verdict = await check(text)
  if (!verdict.ok) {
    if (verdict.reason !== 'unreachable') {
      const fault = verdict.reason === 'expired' ? 'expired-token' : 'invalid-token'
      authenticators.loginLog.failed({ ...triedBy(attempt), method: 'jwt' }, fault, verdict.message)
      return refuse(c, fault, verdict)
    }
    log.error({ hint: verdict.hint, requestId: c.get('requestId') }, verdict.message)
    return refuse(c, 'identity-provider-unreachable', {
      message: 'the identity provider does not answer, so the token could not be checked',
      hint: 'try again in a moment; the log of the bridge says more',
      headers: { 'Retry-After': '5' },
    })
  }
  // The provider alone says what somebody may do; an entry of that name in the configuration adds nothing.
  const account: User = { name: verdict.user, authorizedKeys: [], principals: [], roles: verdict.roles }
  const realm = realmOfIssuer(verdict.issuer)
  const { until, roles: grantedRoles } = verdict
  const withdrawn = (): RightEnd | undefined => {
    if (until.getTime() <= Date.now()) return rightEnd('expired-token')
    return authenticators.isServed(realm)
      ? undefined
      : rightEnd('login-withdrawn', 'tokens of this issuer are not taken any more')
  }
  return identified(
    attempt,
    { user: verdict.user, realm, method: 'jwt', grantedRoles, until, withdrawn },
    () => account,
  )
}

async function byPassword(attempt: Attempt, user: string, password: string): Promise<Identified> {
  const { c, authenticators } = attempt
  const { address } = c.get('peer')
  const decision = await authenticators.authenticatePassword({ user, password, address, via: 'http' })
  if (decision.ok) {
    const name = decision.account()?.name ?? user
    const { realm, grantedRoles } = decision
    return identified(
      attempt,
      { user: name, realm, method: 'password', ...(grantedRoles && { grantedRoles }) },
      decision.account,
    )
  }
  const { reason, message, retryAfter } = decision
  authenticators.loginLog.failed(
    { ...triedBy(attempt), method: 'basic', login: user, user },
    reason,
    message === undefined ? reason : `${reason}: ${message}`,
  )
  if (reason === 'blocked' || reason === 'busy' || retryAfter !== undefined)
    return refuse(c, 'too-many-attempts', {
      message: 'too many logins with a password failed or are under way',
      hint: 'wait as long as Retry-After says; a token is not counted with them',
      headers: {
        'Retry-After': String(retryAfter === undefined ? USUAL_RETRY_AFTER : Math.max(1, Math.ceil(retryAfter / 1000))),
      },
    })
  return refuse(c, 'wrong-password', {
    message: 'the user name and the password let nobody in',
    hint: 'check both, and that the user has a password',
  })
}

function identified(
  { c, devices, authenticators }: Attempt,
  proven: Omit<ProvenUser, 'source'>,
  account: () => User | undefined,
): Identified {
  const { source } = c.get('peer')
  const accounts = { find: account, roles: authenticators.roles }
  return { ok: true, caller: userCaller(devices, accounts, { ...proven, source }) }
}

/** Who tried, for the log of logins. */
function triedBy({ c, log }: Attempt) {
  const { address, source } = c.get('peer')
  return { address, log: log.child({ source, requestId: c.get('requestId') }) }
}

const tokenWords: Readonly<Record<TokenFault, ProblemWords>> = {
  'invalid-token': {
    message: 'the token is not good',
    hint: 'check that it is whole; homeport token list has the ids of all tokens',
  },
  'expired-token': { message: 'the token has expired', hint: 'make a new one with homeport token create' },
  'revoked-token': { message: 'the token was revoked', hint: 'make a new one with homeport token create' },
}

function refuse(c: Context<ApiEnv>, cause: ProblemType, { headers, ...words }: ProblemWords): Identified {
  const response = answerProblem(c, cause, { ...words, ...(headers && { headers }) })
  if (response.status === 401) response.headers.set('WWW-Authenticate', challenges(c, cause))
  return { ok: false, response }
}

/**
 * RFC 6750 §3 and RFC 7617 §2.1. A page's script shall not make the browser ask for a password, only who comes here by
 * themselves.
 */
function challenges(c: Context<ApiEnv>, cause: ProblemType): string {
  const invalid = cause === 'invalid-token' || cause === 'expired-token' || cause === 'revoked-token'
  const bearer = `Bearer realm="homeport"${invalid ? ', error="invalid_token"' : ''}`
  const mode = c.req.header('Sec-Fetch-Mode')
  // Both stand in one line, of which Chromium sees only the first.
  return mode === undefined || mode === 'navigate' ? `Basic realm="homeport", charset="UTF-8", ${bearer}` : bearer
}
