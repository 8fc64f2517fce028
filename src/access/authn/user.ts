import type { AuthorizedKeyOptions } from '../../ssh/authorized-keys.js'

/** A public key that a user may log in with: its SSH type, its wire form, and what its line of authorized_keys asks. */
export interface AuthorizedKey {
  readonly type: string
  readonly blob: Buffer
  readonly options?: AuthorizedKeyOptions
}

/** Somebody who may log in as a client. */
export interface User {
  readonly name: string
  /** A hash as `hashPassword` makes it; without one no password is right here, and a hook may be asked. */
  readonly passwordHash?: string
  readonly authorizedKeys: readonly AuthorizedKey[]
  /** Names in a user certificate that are this user's. */
  readonly principals: readonly string[]
  /** Names of roles. */
  readonly roles: readonly string[]
  /** The device that the plain user name stands for, for clients that cannot send `user@device-id`. */
  readonly device?: string
}
