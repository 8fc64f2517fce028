import type { AuthHandlerMiddleware, AuthenticationType, NextAuthHandler } from 'ssh2'
import type { Credentials } from '../trust/credentials.js'

/**
 * Offers credentials to a device one after the other: public key, then password, then the same password for keyboard-interactive.
 * A method that the device has said it does not take is left out, so that its count of failed attempts is not used up.
 * @param credentials asked for at the first attempt, which is after the host key was judged
 */
export function loginWith(credentials: () => Credentials): AuthHandlerMiddleware {
  let attempts: AuthenticationAttempt[] | undefined
  return (methodsLeft, _partialSuccess, next) => {
    attempts ??= attemptsFor(credentials())
    const taken = methodsLeft as AuthenticationType[] | null
    let attempt = attempts.shift()
    while (attempt !== undefined && taken !== null && !taken.includes(attempt.type)) attempt = attempts.shift()
    // ssh2 takes `false` for "nothing is left"; its types do not say so.
    next(attempt ?? (false as unknown as AuthenticationAttempt))
  }
}

type AuthenticationAttempt = Exclude<Parameters<NextAuthHandler>[0], string>

function attemptsFor({ username, privateKey, password }: Credentials): AuthenticationAttempt[] {
  const attempts: AuthenticationAttempt[] = []
  if (privateKey !== undefined) attempts.push({ type: 'publickey', username, key: privateKey })
  if (password !== undefined) {
    attempts.push({ type: 'password', username, password })
    attempts.push({
      type: 'keyboard-interactive',
      username,
      prompt: (_name, _instructions, _language, prompts, answer) => answer(prompts.map(() => password)),
    })
  }
  return attempts
}
