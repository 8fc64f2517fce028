import type { AuthContext, AuthenticationType, Connection } from 'ssh2'
import { isAuthorizedKey } from '../../access/authorized-key.js'
import type { PasswordCheck } from '../../access/password-check.js'
import type { User } from '../../access/user.js'
import { fingerprintOf } from '../../ssh/public-key.js'
import { signatureHolds } from '../../ssh/verify-signature.js'
import type { Log } from '../../telemetry/log.js'
import { type LoginName, parseLoginName } from './addressing.js'

/** Who may log in now; a reload changes what this gives. */
export interface Users {
  readonly find: (name: string) => User | undefined
  readonly checkPassword: PasswordCheck
}

/** Somebody who has proven to be a user, and the device that was asked for. */
export interface Authenticated {
  readonly login: LoginName
  readonly method: 'password' | 'publickey'
}

const methods: AuthenticationType[] = ['publickey', 'password']

/**
 * Answers a client's authentication attempts, for as many as allowed on one connection: ncclient tries every key it finds before the password.
 * Nobody who has not been authenticated is told whether a user or a device exists.
 */
export function authenticate(
  connection: Connection,
  users: Users,
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
    const succeed = (context: AuthContext, login: LoginName, method: Authenticated['method']): void => {
      context.accept()
      resolve({ login, method })
    }

    connection.on('authentication', (context) => {
      // Every client may ask for the methods first (RFC 4252 §5.2): that is no failure, once.
      if (context.method === 'none' && !askedForMethods) {
        askedForMethods = true
        return context.reject(methods)
      }
      const name = parseLoginName(context.username, (user) => users.find(user)?.device)
      const user = name.ok ? users.find(name.login.user) : undefined
      if (context.method === 'publickey') {
        const { key, signature } = context
        if (!name.ok) return fail(context, context.username, name.message)
        if (!isAuthorizedKey(user, { type: key.algo, blob: key.data }))
          return fail(
            context,
            context.username,
            `${key.algo} ${fingerprintOf(key.data)} is not an authorized key of the user`,
          )
        // Without a signature the client only asks whether the key would do.
        if (signature === undefined) return context.accept()
        if (!signatureHolds(context)) return fail(context, context.username, 'the signature does not fit the key')
        return succeed(context, name.login, 'publickey')
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
