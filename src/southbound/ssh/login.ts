import type { AuthHandlerMiddleware, AuthenticationType, NextAuthHandler, ParsedKey } from 'ssh2'
import { strangerText } from '../../lib/stranger-text.js'
import { fingerprintOf } from '../../ssh/public-key.js'
import { promptAnswers } from './prompt-answers.js'

/** What to log into a device with, made ready. */
export interface Login {
  readonly username: string
  readonly keys: readonly ParsedKey[]
  readonly password?: string
}

/** Why a login ended, with a hint for the operator. */
export interface LoginError extends Error {
  readonly hint?: string
}

/** What a login asks of, and reports to, the handshake that it is part of. */
export interface LoginEnvironment {
  /**
   * Asked at the first attempt, which is after the host key was judged; rejects when nothing is bound to the device.
   */
  readonly prepare: () => Promise<Login>
  /** Asked right before anything of the credentials is sent; what speaks against it by now. */
  readonly objection: () => LoginError | undefined
  /** Called once, with the reason why the login ends. */
  readonly onFailure: (problem: LoginError) => void
}

export interface LoginCourse {
  /** What ssh2 asks for each next attempt. */
  readonly handler: AuthHandlerMiddleware
  /** A device that wants another password is never given one (RFC 4252 §8). */
  readonly passwordChangeWanted: (prompt: string) => void
  /** Makes the login send nothing from now on. */
  readonly end: () => void
  /**
   * As whom, which steps the device accepted, what it asked for then, and what it was offered; undefined before the
   * first attempt.
   */
  readonly told: () => string | undefined
}

type SshAttempt = Exclude<Parameters<NextAuthHandler>[0], string>

interface Attempt {
  readonly method: AuthenticationType
  /** For people, without secrets. */
  readonly name: string
  readonly sent: SshAttempt
}

/**
 * Steps that a login may take. Each needs an attempt that was not accepted before, so it ends anyway; no device asks
 * for more.
 */
const MOST_STEPS = 8

/**
 * Offers credentials to a device one after the other: certificates and keys, then the password, then the same password
 * by keyboard-interactive. It leaves out a method that the device does not list at that moment, because each attempt
 * counts against the device's limit of failed ones. After a partial success the device lists its methods again
 * (RFC 4252 §5.1). A method that was left out before may be in the new list, and is then offered.
 */
export function loginWith({ prepare, objection, onFailure }: LoginEnvironment): LoginCourse {
  let state: 'fresh' | 'preparing' | 'going' | 'over' = 'fresh'
  let username = ''
  let attempts: readonly Attempt[] = []
  let due: Attempt[] = []
  let taken: readonly string[] | undefined
  let last: Attempt | undefined
  const accepted = new Set<Attempt>()
  const refused = new Set<Attempt>()
  const offered = new Set<Attempt>()

  const end = (): void => {
    state = 'over'
  }
  const fail = (problem: LoginError): void => {
    if (state === 'over') return
    end()
    onFailure(problem)
  }
  const objected = (): boolean => {
    const problem = objection()
    if (problem !== undefined) fail(problem)
    return problem !== undefined
  }

  const hear = (methods: readonly string[] | null, partialSuccess: boolean | null): void => {
    if (methods !== null) taken = methods
    if (last === undefined) return
    if (partialSuccess === true) {
      accepted.add(last)
      due = attempts.filter((attempt) => !accepted.has(attempt) && !refused.has(attempt))
    } else if (methods === null || methods.includes(last.method)) refused.add(last)
    // Otherwise the device has not looked at this method yet: it wants another step first.
    last = undefined
  }
  const proceed = (next: NextAuthHandler): void => {
    if (state === 'over' || objected()) return
    const at = due.findIndex(({ method }) => taken === undefined || taken.includes(method))
    if (at === -1 || accepted.size >= MOST_STEPS)
      return fail(new Error(taken === undefined ? 'there is nothing to log in with' : 'what it asks for is not there'))
    ;[last] = due.splice(at, 1)
    if (last === undefined) return
    offered.add(last)
    next(last.sent)
  }

  return {
    handler: (methodsLeft, partialSuccess, next) => {
      if (state === 'going') {
        hear(methodsLeft, partialSuccess)
        return proceed(next)
      }
      // A device that says twice that a login may begin gets one.
      if (state !== 'fresh') return
      state = 'preparing'
      prepare()
        .then((login) => {
          if (state !== 'preparing') return
          state = 'going'
          username = login.username
          attempts = attemptsFor(login, { objected, fail })
          due = [...attempts]
          proceed(next)
        })
        .catch(fail)
    },
    passwordChangeWanted: (prompt) => fail(passwordChange(username, prompt)),
    end,
    told: () => {
      if (username === '') return undefined
      const asks = taken === undefined ? undefined : strangerText(taken.join(', '), 200) || 'nothing more'
      const steps =
        accepted.size === 0
          ? asks && `it asks for ${asks}`
          : `it accepted ${listed(accepted)} and then asked for ${asks ?? 'nothing'}`
      const rest = [...offered].filter((attempt) => !accepted.has(attempt))
      const offer =
        rest.length === 0 ? undefined : `offered ${accepted.size === 0 ? 'were' : 'were besides'} ${listed(rest)}`
      return [
        `as ${JSON.stringify(username)}`,
        ...[steps, offer].filter((part) => part !== undefined && part !== ''),
      ].join('; ')
    },
  }
}

/** More keys than anybody wants to read; an agent may hold any number. */
const MOST_LISTED = 10

function listed(attempts: Iterable<Attempt>): string {
  const names = [...attempts].map(({ name }) => name)
  const more = names.length - MOST_LISTED
  return more > 0 ? `${names.slice(0, MOST_LISTED).join(', ')} and ${more} more` : names.join(', ')
}

/** The device wants the password changed, as it says itself in `prompt`. */
export function passwordChange(username: string, prompt: string): LoginError {
  const said = strangerText(prompt, 200)
  return Object.assign(
    new Error(`the device wants the password of ${JSON.stringify(username)} changed: ${JSON.stringify(said)}`),
    {
      hint:
        `log into the device as ${JSON.stringify(username)} and change its password there, ` +
        'then set the new one in its `credentials`',
    },
  )
}

function attemptsFor(
  { username, keys, password }: Login,
  { objected, fail }: { readonly objected: () => boolean; readonly fail: (problem: LoginError) => void },
): readonly Attempt[] {
  const attempts: Attempt[] = keys.map((key) => ({
    method: 'publickey',
    name: `publickey ${key.type} ${fingerprintOf(key.getPublicSSH())}`,
    sent: { type: 'publickey', username, key },
  }))
  if (password === undefined) return attempts
  const answers = promptAnswers({ username, password })
  return [
    ...attempts,
    { method: 'password', name: 'password', sent: { type: 'password', username, password } },
    {
      method: 'keyboard-interactive',
      name: 'keyboard-interactive with the same password',
      sent: {
        type: 'keyboard-interactive',
        username,
        prompt: (name, instructions, _language, prompts, answer) => {
          if (objected()) return
          const round = answers({ name, instructions, prompts })
          if (round.kind === 'answers') answer([...round.answers])
          else fail(passwordChange(username, round.prompt))
        },
      },
    },
  ]
}
