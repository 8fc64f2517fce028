import * as z from 'zod'

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** RFC 9110 §5.5, without what only old programs understand. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

/**
 * Header fields of requests that the bridge sends, by name. No problem names one: what looks like a name may be half of
 * a value that was written without quotes, and values are secrets.
 */
export function headerFields() {
  return z
    .unknown()
    .transform((input, context): Readonly<Record<string, string>> => {
      const problem = problemOf(input ?? {})
      if (problem === undefined) return (input ?? {}) as Record<string, string>
      context.addIssue({ code: 'custom', message: problem, params: { hint: HINT } })
      return z.NEVER
    })
    .prefault({})
}

const HINT = 'write them as NAME: "${VARIABLE}", with quotes around a value that has commas or colons'

function problemOf(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return 'expected names and values of headers'
  for (const [name, value] of Object.entries(input)) {
    if (!FIELD_NAME.test(name)) return 'there is a name that no header can have'
    if (typeof value !== 'string' || value === '') return 'there is a header without a value'
    if (!FIELD_VALUE.test(value)) return 'there is a value that no header can have: only printable ASCII'
  }
  return undefined
}
