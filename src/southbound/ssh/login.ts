import type { AuthHandlerMiddleware, AuthenticationType, NextAuthHandler, ParsedKey } from 'ssh2'
import { strangerText } from '../../lib/stranger-text.js'
import type { LoginMethod } from '../../trust/login-method.js'
import { courseInWords, hintAfter, looksAtAny, type LoginRecord, type OfferedStep } from './login-failure.js'
import { promptAnswers } from './prompt-answers.js'

/** What to log into a device with, made ready. */
export interface Login {
  readonly username: string
  readonly keys: readonly ParsedKey[]
  readonly password?: string
  /** Whether a key, a certificate or an agent could not be used, which the log has told. */
  readonly lacksParts?: boolean
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
  /** How it went, and what may help, for the refusal; undefined before the first attempt. */
  readonly told: () => { readonly course: string; readonly hint: string } | undefined
  /** The steps that the device has accepted, once it has let the bridge in. */
  readonly taken: () => readonly LoginMethod[]
}

type SshAttempt = Exclude<Parameters<NextAuthHandler>[0], string>

interface Attempt extends OfferedStep {
  readonly method: AuthenticationType
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
  let lacksParts = false
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

  const record = (): LoginRecord => ({
    username,
    accepted: [...accepted],
    refused: [...offered].filter((attempt) => !accepted.has(attempt)),
    unasked: attempts.filter((attempt) => !offered.has(attempt)),
    asks: taken,
    lacksParts,
  })
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
    if (at === -1 || accepted.size >= MOST_STEPS) return fail(new Error(whyNothingIsLeft(record())))
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
          lacksParts = login.lacksParts === true
          attempts = attemptsFor(login, { objected, fail })
          due = [...attempts]
          proceed(next)
        })
        .catch(fail)
    },
    passwordChangeWanted: (prompt) => fail(passwordChange(username, prompt)),
    end,
    // The last attempt is the one that let the bridge in: the device says no more of it.
    taken: () => [...accepted, ...(last === undefined ? [] : [last])].map(({ kind }) => kind),
    told: () =>
      username === '' ? undefined : { course: courseInWords(record()), hint: hintAfter(record(), new Date()) },
  }
}

function whyNothingIsLeft(record: LoginRecord): string {
  if (record.asks === undefined) return 'there is nothing to log in with'
  if (record.accepted.length > 0) return 'it asks for more than there is'
  return looksAtAny(record) ? 'it refused all that was offered' : 'it takes nothing of what there is'
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
    kind: key.type.includes('-cert-') ? 'certificate' : 'key',
    key,
    sent: { type: 'publickey', username, key },
  }))
  if (password === undefined) return attempts
  const answers = promptAnswers({ username, password })
  return [
    ...attempts,
    { method: 'password', kind: 'password', sent: { type: 'password', username, password } },
    {
      method: 'keyboard-interactive',
      kind: 'keyboard-interactive',
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
