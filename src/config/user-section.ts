import { authorizedKey } from './key-lines.js'
import { deviceId, passwordHash, principal, text, userName } from './scalars.js'
import { list, section } from './section.js'

/** One user, in the configuration and in a users file alike. */
export function userSection() {
  return section({
    name: userName(),
    'password-hash': passwordHash().optional(),
    'authorized-keys': list(authorizedKey()),
    principals: list(principal()),
    roles: list(text()),
    device: deviceId().optional(),
  }).transform((written) => withPrincipals(written, written.name))
}

/** A users file: the list of users under the same key as in the configuration. */
export function usersFileSchema() {
  return section({ users: list(userSection()) })
}

/** Who writes no principals means the own name. */
export function withPrincipals<T extends { readonly principals: readonly string[] }>(written: T, name: string): T {
  return written.principals.length > 0 ? written : { ...written, principals: [name] }
}
