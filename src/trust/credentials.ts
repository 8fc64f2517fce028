import type { ParsedKey } from 'ssh2'

/** What Homeport logs into a device with. Only ever given out for a device whose host key was proven (RFC 8071 §3.1 C7). */
export interface Credentials {
  readonly username: string
  readonly privateKey?: ParsedKey
  readonly password?: string
}
