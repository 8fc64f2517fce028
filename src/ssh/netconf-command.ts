/**
 * Junos takes NETCONF as a command too, and ncclient's Junos handler tries that when the subsystem (RFC 6242 §3) was
 * refused.
 */
export function isNetconfCommand(command: string): boolean {
  return NETCONF_COMMANDS.has(command.trim().replaceAll(/\s+/g, ' '))
}

const NETCONF_COMMANDS = new Set(['netconf', 'xml-mode netconf need-trailer'])
