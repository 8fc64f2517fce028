import type { AuthHandlerMiddleware, AuthenticationType, NextAuthHandler, ParsedKey } from 'ssh2'

/** What to log into a device with, made ready. */
export interface Login {
  readonly username: string
  readonly keys: readonly ParsedKey[]
  readonly password?: string
}

/**
 * Offers credentials to a device one after the other: certificates and keys, then the password, then the same password for keyboard-interactive.
 * A method that the device has said it does not take is left out, so that its count of failed attempts is not used up.
 * @param prepare asked at the first attempt, which is after the host key was judged; rejects when nothing is bound to the device
 */
export function loginWith(prepare: () => Promise<Login>, onFailure: (error: Error) => void): AuthHandlerMiddleware {
  let attempts: AuthenticationAttempt[] | undefined
  return (methodsLeft, _partialSuccess, next) => {
    const taken = methodsLeft as AuthenticationType[] | null
    const proceed = (): void => {
      let attempt = attempts?.shift()
      while (attempt !== undefined && taken !== null && !taken.includes(attempt.type)) attempt = attempts?.shift()
      // ssh2 takes `false` for "nothing is left"; its types do not say so.
      next(attempt ?? (false as unknown as AuthenticationAttempt))
    }
    if (attempts !== undefined) return proceed()
    prepare()
      .then((login) => {
        attempts = attemptsFor(login)
        proceed()
      })
      .catch(onFailure)
  }
}

type AuthenticationAttempt = Exclude<Parameters<NextAuthHandler>[0], string>

function attemptsFor({ username, keys, password }: Login): AuthenticationAttempt[] {
  const attempts: AuthenticationAttempt[] = keys.map((key) => ({ type: 'publickey', username, key }))
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
