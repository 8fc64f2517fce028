/**
 * What a login's own proof takes away, whatever the user's roles allow: the options of an OpenSSH certificate, or of a
 * line of authorized_keys.
 */
export interface LoginRestriction {
  /** `force-command`, `command=` of a command for NETCONF. */
  readonly netconfOnly: boolean
  /** No `permit-pty`; `no-pty` or `restrict`. */
  readonly noTerminal: boolean
  /** No `permit-port-forwarding`; `no-port-forwarding` or `restrict`: nothing is reached through this connection. */
  readonly noForwarding: boolean
}

export const unrestricted: LoginRestriction = { netconfOnly: false, noTerminal: false, noForwarding: false }

/** Whether one forbids what the other allows. */
export function restrictsMore(one: LoginRestriction, other: LoginRestriction): boolean {
  return (
    (one.netconfOnly && !other.netconfOnly) ||
    (one.noTerminal && !other.noTerminal) ||
    (one.noForwarding && !other.noForwarding)
  )
}
