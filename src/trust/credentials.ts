import type { ParsedKey } from 'ssh2'
import type { PublicKey } from '../ssh/public-key.js'

/** What Homeport logs into a device with. Only ever used on a device whose host key was proven (RFC 8071 §3.1 C7). */
export interface Credentials {
  readonly username: string
  readonly password?: string
  /** Why there is no password, although the profile has one: this device may not be sent it. */
  readonly withheld?: { readonly message: string; readonly hint: string }
  readonly privateKey?: ParsedKey
  /** The `-cert.pub` file of the private key; read at each login, so that a renewed one is used at once. */
  readonly certificateFile?: string
  /** Path of an ssh-agent's socket: its keys and certificates are offered. */
  readonly agent?: string
  /**
   * The one key of the agent that is offered, with its certificates; its `.pub` file is read at each login, so that a
   * renewed one is used at once.
   */
  readonly agentKey?: { readonly key: Pick<PublicKey, 'blob'> } | { readonly file: string }
  /** A user CA of our own, which makes a fresh key and certificate for each login. */
  readonly userCa?: {
    readonly key: ParsedKey
    readonly principals: readonly string[]
    readonly lifetimeMinutes: number
  }
  /**
   * Sessions of users are opened as themselves, on the device's own SSH server at this port of it, with certificates of
   * `userCa`. What is above is then for the link alone.
   */
  readonly perUser?: { readonly port: number }
}
