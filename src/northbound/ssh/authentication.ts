import type { AuthContext, AuthenticationType, Connection, PublicKeyAuthContext } from 'ssh2'
import { isAuthorizedKey } from '../../access/authorized-key.js'
import type { PasswordCheck } from '../../access/password-check.js'
import type { User } from '../../access/user.js'
import { fingerprintOf } from '../../ssh/public-key.js'
import { revokedPart, revokedPartOf, type Revocations } from '../../ssh/revocation.js'
import { judgeUserCertificate } from '../../ssh/user-certificate.js'
import { offeredCertificate, signatureHolds } from '../../ssh/verify-signature.js'
import type { Log } from '../../telemetry/log.js'
import { type LoginName, parseLoginName } from './addressing.js'
import { isNetconfCommand } from './channel-request.js'
import type { Door } from './target.js'

/** Who may log in now; a reload changes what this gives. */
export interface Users {
  readonly find: (name: string) => User | undefined
  readonly checkPassword: PasswordCheck
  readonly certificates: () => UserCertificateTrust
}

/** Which certificates users may log in with, and what of them is revoked. */
export interface UserCertificateTrust {
  /** Public key blobs of the user CAs. */
  readonly trustedCas: readonly Buffer[]
  readonly revocations: Revocations
}

/** Somebody who has proven to be a user, and what was asked for. */
export interface Authenticated {
  readonly login: LoginName
  readonly method: 'password' | 'publickey'
  readonly restriction: LoginRestriction
}

/** What a login's own proof takes away, whatever the user's roles allow: the options of an OpenSSH certificate. */
export interface LoginRestriction {
  /** `force-command` of a command for NETCONF. */
  readonly netconfOnly: boolean
  /** No `permit-pty`. */
  readonly noTerminal: boolean
  /** No `permit-port-forwarding`: nothing is reached through this connection. */
  readonly noForwarding: boolean
}

export const unrestricted: LoginRestriction = { netconfOnly: false, noTerminal: false, noForwarding: false }

const methods: AuthenticationType[] = ['publickey', 'password']

/**
 * Answers a client's authentication attempts, for as many as allowed on one connection: ncclient tries every key it finds before the password.
 * Nobody who has not been authenticated is told whether a user or a device exists.
 */
export function authenticate(
  connection: Connection,
  door: Door,
  users: Users,
  remoteAddress: string,
  maxAttempts: number,
  log: Log,
  onTooMany: () => void,
): Promise<Authenticated> {
  return new Promise((resolve) => {
    let failures = 0
    let askedForMethods = false
    const fail = (context: AuthContext, loginName: string, why: string): void => {
      failures += 1
      log.info({ login: loginName, method: context.method }, `authentication failed: ${why}`)
      context.reject(methods)
      if (failures >= maxAttempts) {
        log.warn({ login: loginName, failures }, 'connection closed: too many failed authentication attempts')
        onTooMany()
      }
    }
    const succeed = (
      context: AuthContext,
      login: LoginName,
      method: Authenticated['method'],
      restriction: LoginRestriction = unrestricted,
    ): void => {
      context.accept()
      resolve({ login, method, restriction })
    }

    connection.on('authentication', (context) => {
      // Every client may ask for the methods first (RFC 4252 §5.2): that is no failure, once.
      if (context.method === 'none' && !askedForMethods) {
        askedForMethods = true
        return context.reject(methods)
      }
      const name = parseLoginName(context.username, door, users)
      const user = name.ok ? users.find(name.login.user) : undefined
      if (context.method === 'publickey') {
        const { signature } = context
        if (!name.ok) return fail(context, context.username, name.message)
        const verdict = judgeKey(context, user, users.certificates(), remoteAddress)
        if (!verdict.ok) return fail(context, context.username, verdict.cause)
        // Without a signature the client only asks whether the key would do.
        if (signature === undefined) return context.accept()
        if (!signatureHolds(context)) return fail(context, context.username, 'the signature does not fit the key')
        return succeed(context, name.login, 'publickey', verdict.restriction)
      }
      if (context.method === 'password') {
        users
          .checkPassword(user, context.password)
          .then((verdict) => {
            // A malformed name was checked all the same, so that it takes as long as a wrong password.
            if (!name.ok) return fail(context, context.username, name.message)
            if (!verdict.ok) return fail(context, context.username, verdict.cause)
            return succeed(context, name.login, 'password')
          })
          // ssh2 throws where a client that did not wait for an answer has mixed up the order of its attempts.
          .catch((error: unknown) => {
            log.warn({ err: error }, 'connection closed: authentication attempts out of order')
            onTooMany()
          })
        return
      }
      fail(context, context.username, 'the method is not served here')
    })
  })
}

type KeyVerdict =
  | { readonly ok: true; readonly restriction: LoginRestriction }
  | { readonly ok: false; readonly cause: string }

/** Whether a key or certificate lets this user in, and what for. Whether the client holds it, its signature tells. */
function judgeKey(
  { key }: PublicKeyAuthContext,
  user: User | undefined,
  { trustedCas, revocations }: UserCertificateTrust,
  remoteAddress: string,
): KeyVerdict {
  const refused = (cause: string): KeyVerdict => ({ ok: false, cause })
  const offered = offeredCertificate(key)
  if (offered === undefined) {
    const shown = `${key.algo} ${fingerprintOf(key.data)}`
    if (!isAuthorizedKey(user, { type: key.algo, blob: key.data }))
      return refused(`${shown} is not an authorized key of the user`)
    if (revokedPart(revocations, key.data) !== undefined) return refused(`${shown} is revoked`)
    return { ok: true, restriction: unrestricted }
  }
  if (!offered.ok) return refused(`the certificate is refused: ${offered.problem.message}`)
  const verdict = judgeUserCertificate(offered.certificate, {
    trustedCas,
    now: new Date(),
    // A user who does not exist has no principals, and is refused like one whose principals are others.
    principals: user?.principals ?? [],
    remoteAddress,
    runs: isNetconfCommand,
    revocation: (certificate) => revokedPartOf(revocations, certificate),
  })
  if (!verdict.accepted) return refused(`the certificate is refused (${verdict.reason}): ${verdict.message}`)
  const restriction = {
    netconfOnly: verdict.forcedCommand !== undefined,
    noTerminal: !verdict.certificate.extensions.has('permit-pty'),
    noForwarding: !verdict.certificate.extensions.has('permit-port-forwarding'),
  }
  return { ok: true, restriction }
}
