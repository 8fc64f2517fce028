/** A public key that a user may log in with: its SSH type, its wire form, and what its line of authorized_keys asks. */
export interface AuthorizedKey {
  readonly type: string
  readonly blob: Buffer
  readonly options?: AuthorizedKeyOptions
}

/** What stands before the key on its line (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface AuthorizedKeyOptions {
  /** The key is a CA: it vouches for the user's certificates, and is no login of its own. */
  readonly certAuthority: boolean
  /** Patterns of where the key may be used from. */
  readonly from?: readonly string[]
  /** The only command that the key may run. */
  readonly command?: string
  /** With `certAuthority`: principals that will do instead of the user's. */
  readonly principals?: readonly string[]
  /** From then on the key does not count. */
  readonly expires?: Date
  /** No terminal may be had with it. */
  readonly noTerminal?: boolean
  /** Nothing may be reached through a connection with it. */
  readonly noForwarding?: boolean
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
