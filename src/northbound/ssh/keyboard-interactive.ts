import type { KeyboardAuthContext } from 'ssh2'

export type Prompted =
  | { readonly kind: 'answered'; readonly password: string }
  /** The client answered another number of questions than it was asked. */
  | { readonly kind: 'malformed' }
  /** The client began another attempt instead (RFC 4252 §5.1): this one must not be answered any more. */
  | { readonly kind: 'aborted' }

/**
 * Asks for the password by keyboard-interactive (RFC 4256): one prompt without echo, which programs answer like the
 * method `password`. Settles once; how long a client may take is for the time of the login to bound.
 */
export function promptForPassword(context: KeyboardAuthContext): Promise<Prompted> {
  return new Promise((resolve) => {
    context.once('abort', () => resolve({ kind: 'aborted' }))
    // ssh2 gives an error instead of responses when the attempt is aborted; its types do not tell.
    const answered = (responses: unknown): void => {
      const [password] = Array.isArray(responses) ? (responses as readonly string[]) : []
      if (!Array.isArray(responses)) resolve({ kind: 'aborted' })
      else if (password === undefined || responses.length !== 1) resolve({ kind: 'malformed' })
      else resolve({ kind: 'answered', password })
    }
    context.prompt([{ prompt: 'Password: ', echo: false }], answered)
  })
}
