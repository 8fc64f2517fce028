import type { AuthContext, AuthenticationType, Connection, KeyboardAuthContext, PublicKeyAuthContext } from 'ssh2'
import type { AuthenticatePassword } from '../../access/authn/authenticate-password.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import type { User } from '../../access/authn/user.js'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import { loginRefusal, type LoginRefusalReason } from '../../fleet/refusals/logins.js'
import { rightEnd } from '../../fleet/refusals/session-ends.js'
import { forgetAbortedLogin } from '../../ssh/ssh2/keyboard-interactive.js'
import { socketOf } from '../../ssh/ssh2/connections.js'
import { acceptKeyQuery } from '../../ssh/ssh2/key-query.js'
import { SHA1 } from '../../ssh/signature.js'
import { offeredAlgorithm, signatureHolds } from '../../ssh/verify-signature.js'
import type { Log } from '../../telemetry/log.js'
import type { LoginLog } from '../login-log.js'
import type { LegacyAccess } from './legacy-access.js'
import { type LoginName, type ParsedLoginName, parseLoginName } from './login-name.js'
import { judgeUserKey, type UserCertificateTrust } from './judge-user-key.js'
import { promptForPassword } from './keyboard-interactive.js'
import { type LoginRestriction, restrictsMore, unrestricted } from './login-restriction.js'
import type { EntryPoint } from './target.js'

/** Who may log in now; a reload changes what this gives. */
export interface Users {
  readonly find: (name: string) => User | undefined
  readonly authenticatePassword: AuthenticatePassword
  readonly certificates: () => UserCertificateTrust
  readonly loginLog: LoginLog
}

/** How the attempts of one connection are answered. */
export interface AuthenticationOptions {
  readonly entryPoint: EntryPoint
  readonly users: Users
  readonly remoteAddress: string
  /** Failed attempts after which the client gets no further one. */
  readonly maxAttempts: number
  /** Who may log in here at all, and by which algorithms, where that is limited. */
  readonly legacy?: () => LegacyAccess | undefined
  readonly log: Log
  /**
   * Told when they are used up, or came in an order that nobody can follow; the connection is the caller's to close.
   */
  readonly onTooMany: () => void
}

/** Somebody who has proven to be a user, and what was asked for. */
export interface Authenticated {
  readonly login: LoginName
  readonly method: 'password' | 'publickey' | 'keyboard-interactive'
  /** The user as of now; undefined once there is no such user any more. */
  readonly account: () => User | undefined
  /**
   * Why the login does not count any more: its user was removed, its key or certificate is out of the files, revoked or
   * expired.
   */
  readonly ended: () => RightEnd | undefined
  /** When it ends by itself. */
  readonly until?: Date
  /** What was presented, for the log. */
  readonly key?: string
  readonly restriction: LoginRestriction
}

const METHODS: AuthenticationType[] = ['publickey', 'password', 'keyboard-interactive']

/**
 * Answers a client's authentication attempts, for as many as allowed on one connection: ncclient tries every key it
 * finds before the password. Nobody who has not been authenticated is told whether a user or a device exists.
 */
export function authenticate(connection: Connection, options: AuthenticationOptions): Promise<Authenticated> {
  const { entryPoint, users, remoteAddress, maxAttempts, legacy, log, onTooMany } = options
  const mayLogIn = (user: string): boolean => legacy === undefined || legacy()?.users.has(user) === true
  const accepts = (algorithm: string): boolean =>
    legacy === undefined ? algorithm !== SHA1 : legacy()?.lists.pubkeyAcceptedAlgorithms.includes(algorithm) === true
  return new Promise((resolve) => {
    const socket = socketOf(connection)
    let failures = 0
    let askedForMethods = false
    const countFailure = (loginName: string): void => {
      failures += 1
      if (failures < maxAttempts) return
      const { reason, message, hint } = clientRefusal('too-many-attempts')
      log.warn({ login: loginName, failures, reason, hint }, `connection closed: ${message}`)
      onTooMany()
    }

    connection.on('authentication', (context) => {
      // Every client may ask for the methods first (RFC 4252 §5.2): that is no failure, once.
      if (context.method === 'none' && !askedForMethods) {
        askedForMethods = true
        return context.reject(METHODS)
      }
      const { username: loginName, method } = context
      const name = parseLoginName(loginName, entryPoint, users)
      const tried = { log, address: remoteAddress, login: loginName, method, ...(name.ok ? namesIn(name.login) : {}) }
      const fail: Attempt['fail'] = ({ reason, message }) => {
        users.loginLog.failed(tried, reason, message)
        if (socket.writable) context.reject(METHODS)
        countFailure(loginName)
      }
      const succeed: Attempt['succeed'] = (authenticated) => {
        // Of a client that left meanwhile ssh2 would make a connection that nothing ends.
        if (!socket.writable) return log.debug(namesIn(authenticated.login), 'login given up: the client left')
        context.accept()
        resolve(authenticated)
      }
      const attempt: Attempt = { name, remoteAddress, users, mayLogIn, accepts, fail, succeed }

      if (context.method === 'publickey') return tryKey(context, attempt)
      if (context.method !== 'password' && context.method !== 'keyboard-interactive')
        return fail(loginRefusal('unknown-method'))
      if (context.method === 'password' && isPasswordChange(context.password))
        return fail(loginRefusal('password-change'))
      const tryingPassword =
        context.method === 'password'
          ? tryPassword(attempt, { context, password: context.password })
          : tryPrompt(context, attempt, () => {
              forgetAbortedLogin(connection)
              const { reason, message } = loginRefusal('aborted')
              users.loginLog.failed(tried, reason, message)
              countFailure(loginName)
            })
      // ssh2 throws where a client that did not wait for an answer has mixed up the order of its attempts.
      tryingPassword.catch((error: unknown) => {
        log.warn({ err: error }, 'connection closed: authentication attempts out of order')
        onTooMany()
      })
    })
  })
}

/**
 * Whether a client sent a new password along with its old one (RFC 4252 §8); ssh2 gives both, whatever its types say.
 */
function isPasswordChange(password: unknown): boolean {
  return typeof password !== 'string'
}

/** The user of a login name, and its device where it asks for one. */
function namesIn({ user, target }: LoginName): { readonly user: string; readonly deviceId?: string } {
  return { user, ...(target.kind === 'device' ? { deviceId: target.deviceId } : {}) }
}

/** One attempt, which ends in one of two ways. */
interface Attempt {
  readonly name: ParsedLoginName
  readonly remoteAddress: string
  readonly users: Users
  readonly mayLogIn: (user: string) => boolean
  /** Whether keys may be offered by an algorithm. */
  readonly accepts: (algorithm: string) => boolean
  readonly fail: (refusal: { readonly reason: LoginRefusalReason; readonly message: string }) => void
  readonly succeed: (authenticated: Authenticated) => void
}

function tryKey(context: PublicKeyAuthContext, attempt: Attempt): void {
  const { name, remoteAddress, users, mayLogIn, accepts, fail, succeed } = attempt
  if (!name.ok) return fail(loginRefusal('malformed-login', name.message))
  const { login } = name
  if (!mayLogIn(login.user)) return fail(loginRefusal('not-on-this-port'))
  const algorithm = offeredAlgorithm(context)
  const circumstances = { trust: users.certificates(), remoteAddress, now: new Date() }
  const verdict = judgeUserKey(context.key, users.find(login.user), circumstances)
  if (!verdict.accepted) return fail(verdict)
  // Some ask by the type of an RSA key, and sign by a better algorithm than that means.
  if (!accepts(algorithm) && (context.signature !== undefined || algorithm !== SHA1))
    return fail(loginRefusal('refused-algorithm', algorithm))
  // Without a signature the client only asks whether the key would do.
  if (context.signature === undefined) return acceptKeyQuery(context, algorithm)
  if (!signatureHolds(context, { sha1: accepts(SHA1) })) return fail(loginRefusal('bad-signature'))
  const { key, restriction, until } = verdict
  const account = (): User | undefined => users.find(login.user)
  const withdrawn = stillAccepted(
    { offered: keptKey(context.key), user: login.user, remoteAddress, restriction },
    users,
  )
  const ended = (): RightEnd | undefined => noLongerHere(mayLogIn, login.user) ?? withdrawn()
  succeed({ login, method: 'publickey', account, ended, key, restriction, ...(until === undefined ? {} : { until }) })
}

function noLongerHere(mayLogIn: Attempt['mayLogIn'], user: string): RightEnd | undefined {
  return mayLogIn(user) ? undefined : rightEnd('login-withdrawn', loginRefusal('not-on-this-port').message)
}

/** A key that somebody has logged in with, and what it let them do. */
interface AcceptedKey {
  readonly offered: PublicKeyAuthContext['key']
  readonly user: string
  readonly remoteAddress: string
  readonly restriction: LoginRestriction
}

/** Judges a key again that somebody has logged in with, by what stands in the files now. */
function stillAccepted(
  { offered, user: name, remoteAddress, restriction }: AcceptedKey,
  users: Pick<Users, 'find' | 'certificates'>,
): Authenticated['ended'] {
  let good: { readonly user: User; readonly trust: UserCertificateTrust; readonly until: Date | undefined } | undefined
  return () => {
    const user = users.find(name)
    if (user === undefined) return rightEnd('user-removed', name)
    const trust = users.certificates()
    const now = new Date()
    // A certificate costs the check of a signature, and nothing has changed for as long as these are the same.
    if (good?.user === user && good.trust === trust && (good.until === undefined || now < good.until)) return undefined
    const verdict = judgeUserKey(offered, user, { trust, remoteAddress, now })
    if (!verdict.accepted) return rightEnd('login-withdrawn', verdict.message)
    if (restrictsMore(verdict.restriction, restriction))
      return rightEnd('login-withdrawn', 'the key that it was made with allows less now')
    good = { user, trust, until: verdict.until }
    return undefined
  }
}

/** Bytes of its own: those that were read would keep all that came with them. */
function keptKey(key: PublicKeyAuthContext['key']): PublicKeyAuthContext['key'] {
  return { ...key, data: Buffer.from(key.data) }
}

async function tryPassword(
  { name, remoteAddress, users, mayLogIn, fail, succeed }: Attempt,
  { context, password, isAborted = () => false }: TriedPassword,
): Promise<void> {
  const attempt = { password, address: remoteAddress, via: 'ssh' } as const
  // A malformed name is checked all the same, so that it takes as long as a wrong password.
  const isHere = name.ok && mayLogIn(name.login.user)
  const decision = await users.authenticatePassword(
    isHere ? { ...attempt, ...namesIn(name.login) } : { ...attempt, user: context.username, hopeless: true },
  )
  if (isAborted()) return
  if (!name.ok) return fail(loginRefusal('malformed-login', name.message))
  if (!isHere || (decision.ok && !mayLogIn(decision.user.name))) return fail(loginRefusal('not-on-this-port'))
  if (!decision.ok) {
    const { reason, message } = decision
    return fail(loginRefusal(reason, message === undefined ? reason : `${reason}: ${message}`))
  }
  const login = { ...name.login, user: decision.user.name }
  const { account } = decision
  const ended = (): RightEnd | undefined =>
    account() === undefined ? rightEnd('user-removed', login.user) : noLongerHere(mayLogIn, login.user)
  succeed({ login, method: context.method, account, ended, restriction: unrestricted })
}

/** A password that a client has sent, one way or the other. */
interface TriedPassword {
  readonly context: AuthContext & { readonly method: 'password' | 'keyboard-interactive' }
  readonly password: string
  /** Whether the client has begun another attempt meanwhile. */
  readonly isAborted?: () => boolean
}

async function tryPrompt(context: KeyboardAuthContext, attempt: Attempt, onAborted: () => void): Promise<void> {
  let aborted = false
  context.once('abort', () => {
    aborted = true
    onAborted()
  })
  const prompted = await promptForPassword(context)
  if (prompted.kind === 'malformed') return attempt.fail(loginRefusal('wrong-responses'))
  if (prompted.kind === 'answered')
    await tryPassword(attempt, { context, password: prompted.password, isAborted: () => aborted })
}
