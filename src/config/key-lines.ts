import { resolve } from 'node:path'
import {
  type AuthorizedKeyOptions,
  type AuthorizedKeyFailure,
  FROM_HINT,
  parseAuthorizedKeyLine,
} from '../ssh/authorized-keys.js'
import { isNetconfCommand } from '../ssh/netconf-command.js'
import { parsePlainKeyLine, type PublicKey, type PublicKeyFailure } from '../ssh/public-key.js'
import { accepted, type ParseResult } from './parse-result.js'
import { scalar } from './section.js'

/** The line of a public key, `type base64 [comment]`, as in a `.pub` file. */
export function publicKey() {
  return scalar((line): ParseResult<PublicKey> => {
    const parsed = parsePlainKeyLine(line)
    return parsed.ok ? accepted(parsed.key) : refused(parsed.failure)
  })
}

/** A public key by its line, or by the file that has it. */
export type PublicKeyOrFile = { readonly key: PublicKey } | { readonly file: string }

export function publicKeyOrFile(directory: string) {
  return scalar((written): ParseResult<PublicKeyOrFile> => {
    if (!isKeyLine(written)) return accepted({ file: resolve(directory, written) })
    const parsed = parsePlainKeyLine(written)
    return parsed.ok ? accepted({ key: parsed.key }) : refused(parsed.failure)
  })
}

/** Whether a text is the line of a key, and no path: it begins with a type, and more words follow. */
export function isKeyLine(written: string): boolean {
  return /^\s*(?:ssh|ecdsa|sk-ssh|sk-ecdsa|rsa-sha2)-\S+\s/.test(written)
}

/** A key that a user may log in with, and what stands before it on its line. */
export interface AuthorizedKeyConfig extends PublicKey {
  readonly options: AuthorizedKeyOptions
}

/**
 * A line of authorized_keys, `[options] type base64 [comment]`. Options that would be of no use here are refused too.
 */
export function authorizedKey() {
  return scalar((line): ParseResult<AuthorizedKeyConfig> => {
    const parsed = parseAuthorizedKeyLine(line)
    if (!parsed.ok) return refused(parsed.failure)
    const { key, options } = parsed.authorized
    return uselessOption(options) ?? accepted({ ...key, options })
  })
}

/**
 * An option that can be kept and is a mistake all the same: nobody could log in with the key, or more could than the
 * operator wants.
 */
function uselessOption({ command, from = [] }: AuthorizedKeyOptions): ParseResult<never> | undefined {
  if (command !== undefined && !isNetconfCommand(command))
    return {
      ok: false,
      message: 'the option `command` names a command that is not run here',
      hint: 'only command="netconf" is, remove the option or use another key',
    }
  if (from.some((pattern) => !/^!?[0-9A-Fa-f.:*?/]+$/.test(pattern)))
    return { ok: false, message: 'the option `from` has a host name, and none is looked up here', hint: FROM_HINT }
  return undefined
}

const CERTIFY =
  'name a file with the CA at `trust.known-hosts` (of devices) or `endpoint.ssh.trusted-user-ca-keys` (of users)'

/** What to do about a line that belongs into another key of the configuration. */
const HINTS: Readonly<Record<string, string | undefined>> = {
  certificate: `write the plain public key, or ${CERTIFY}`,
  'certificate-authority': CERTIFY,
  revoked: 'put it into a file of `trust.revoked` or `endpoint.ssh.revoked-keys`',
}

function refused({ reason: cause, message, hint }: AuthorizedKeyFailure | PublicKeyFailure): ParseResult<never> {
  return { ok: false, message, hint: HINTS[cause] ?? hint }
}
