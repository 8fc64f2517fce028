/** What a device asks in one round of keyboard-interactive (RFC 4256 §3.2). */
export interface PromptRound {
  readonly name: string
  readonly instructions: string
  /** `echo` says that the answer may be seen while it is typed. */
  readonly prompts: readonly { readonly prompt: string; readonly echo?: boolean }[]
}

export type PromptAnswers =
  | { readonly kind: 'answers'; readonly answers: readonly string[] }
  /** It asks for a new password, in these words. */
  | { readonly kind: 'password-change'; readonly prompt: string }

/** A second secret that is a password once more is a new one: an empty answer might become it. */
const NEW_PASSWORD = /\b(new|retype|re-?enter|repeat|confirm|change|again|expired)\b/i

/**
 * Answers the prompts of one keyboard-interactive login: the user name where the answer may be seen, the password at
 * the first prompt for a secret, and nothing at any further one, such as for a second factor, because that is not what
 * the password is for.
 */
export function promptAnswers({
  username,
  password,
}: {
  readonly username: string
  readonly password: string
}): (round: PromptRound) => PromptAnswers {
  let given = false
  return ({ name, instructions, prompts }) => {
    const answers: string[] = []
    for (const { prompt, echo } of prompts) {
      if (echo === true) answers.push(username)
      else if (!given) {
        given = true
        answers.push(password)
      } else if (NEW_PASSWORD.test(`${name}\n${instructions}\n${prompt}`)) return { kind: 'password-change', prompt }
      else answers.push('')
    }
    return { kind: 'answers', answers }
  }
}
