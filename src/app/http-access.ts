import { isDeepStrictEqual } from 'node:util'
import { createJwtCheck, type JwtCheck, type JwtIssuer } from '../access/authn/jwt-check.js'
import { realmOfIssuer, type Realm } from '../access/authz/principal.js'
import { createTokenService, type TokenService } from '../access/authn/token-service.js'
import type { HttpAuthenticators } from '../northbound/http/middleware/authentication.js'
import type { Access } from '../northbound/ssh/client-connection.js'
import type { Tokens } from '../store/store.js'
import type { Log } from '../telemetry/log.js'
import type { LiveSettings, Settings } from './settings.js'

/** The tokens of the HTTP API, kept in the store. */
export function tokenServiceOn(
  tokens: Tokens,
  { settings, log, onRevoked }: { readonly settings: LiveSettings; readonly log: Log; readonly onRevoked: () => void },
): TokenService {
  return createTokenService({
    shelf: tokens,
    isUser: (name) => settings.current.users.has(name),
    maxTokens: () => settings.current.maxTokens,
    onRevoked,
    onProblem: ({ message, hint }) => log.error({ hint }, `not written to the store: ${message}`),
  })
}

/**
 * What callers of the HTTP API prove who they are by: the users and passwords that count over SSH too, tokens, and the
 * identity provider.
 */
export function httpAuthenticatorsFrom(
  settings: LiveSettings,
  { find, roles, authenticatePassword, loginLog }: Access,
  tokens: TokenService,
): HttpAuthenticators {
  return {
    find,
    roles,
    tokens,
    authenticatePassword,
    loginLog,
    checkJwt: keptJwtCheck(() => settings.current.jwtIssuer),
    isServed: (realm) => isServed(settings.current, realm),
  }
}

/** Whether the configuration still lets in whom a realm vouches for. */
export function isServed({ jwtIssuer, logins }: Settings, realm: Realm): boolean {
  if (realm === 'hook') return logins.hook !== undefined
  return (
    realm === 'local' || realm === 'operator' || (jwtIssuer !== undefined && realm === realmOfIssuer(jwtIssuer.issuer))
  )
}

/** One check for as long as the issuer stays the same, because it keeps the issuer's keys. */
function keptJwtCheck(issuer: () => JwtIssuer | undefined): () => JwtCheck | undefined {
  let made: { readonly issuer: JwtIssuer; readonly check: JwtCheck } | undefined
  return () => {
    const wanted = issuer()
    if (wanted === undefined) return undefined
    if (made === undefined || !isDeepStrictEqual(made.issuer, wanted))
      made = { issuer: wanted, check: createJwtCheck(wanted) }
    return made.check
  }
}
