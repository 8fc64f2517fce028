import type { Environment } from './environment.js'

/** What a scalar became: its text, whether any of it came from the environment, and what could not be found. */
export interface Interpolated {
  readonly text: string
  readonly fromEnvironment: boolean
  readonly problems: readonly { readonly message: string; readonly hint: string }[]
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in one parsed scalar; `$$` is a literal dollar, any other `$` stands for
 * itself. It works on parsed scalars, so a value can never become YAML. As in a shell, the default also replaces an
 * empty value.
 */
export function interpolate(text: string, environment: Environment): Interpolated {
  const problems: { message: string; hint: string }[] = []
  let fromEnvironment = false

  const replaced = text.replace(/\$\$|\$\{([^}]*)\}|\$\{/g, (whole, inside: string | undefined) => {
    if (whole === '$$') return '$'
    fromEnvironment = true
    const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^]*))?$/.exec(inside ?? '') ?? []
    if (name === undefined) {
      problems.push({
        message: 'a `${` that is not of the form `${NAME}` or `${NAME:-default}`',
        hint: 'write `$${` for a literal `${`; inside { } or [ ] quote a value that holds a comma',
      })
      return ''
    }
    const found = environment.lookup(name)
    if (found.kind === 'unreadable') {
      problems.push({ message: `${found.variable} names a file that cannot be read (${found.code})`, hint: found.hint })
      return ''
    }
    if (found.kind === 'value' && (found.value !== '' || fallback === undefined)) return found.value
    if (fallback !== undefined) return fallback
    problems.push({
      message: `the environment variable ${name} is not set`,
      hint:
        `set ${name} in the environment or in .env, ` +
        `or ${name}_FILE to a file that holds it, or write \${${name}:-default}`,
    })
    return ''
  })
  return { text: replaced, fromEnvironment, problems }
}
