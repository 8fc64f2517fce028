import type { ParseResult } from './parse-result.js'

/**
 * Whether a text looks like what `homeport user hash-password` prints; `access/` reads it for good.
 * The bounds on cost and size are those of `access/authn/password-hash.ts`, a test keeps the two equal.
 */
export function readPasswordHash(text: string): ParseResult<string> {
  const hint = 'make one with `homeport user hash-password`, and quote it'
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/.exec(
    text,
  )
  if (match === null) {
    const other = /^\$(1|2[abxy]?|5|6|7|y|argon2\w*|pbkdf2.*)\$/.test(text)
    return { ok: false, message: other ? 'only scrypt hashes are supported' : 'not a password hash', hint }
  }
  const [ln = 0, r = 0, p = 0] = match.slice(1, 4).map(Number)
  if (ln < 1 || r < 1 || p < 1 || 128 * r * 2 ** ln > 128 * 2 ** 20 || r * p * 2 ** ln > 2 ** 21)
    return { ok: false, message: 'the cost of this password hash is out of bounds', hint }
  return { ok: true, value: text }
}
