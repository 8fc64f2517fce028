/**
 * A text that was read as a value of its key, or why it cannot be; the message never holds the text, it may be a
 * secret.
 */
export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly hint?: string }

export function accepted<T>(value: T): ParseResult<T> {
  return { ok: true, value }
}
