import type { ChannelRequest } from '../../fleet/link.js'

/**
 * The ways in which NETCONF is asked for: the subsystem (RFC 6242 §3), and the commands that Junos takes instead,
 * which ncclient's Junos handler tries when the subsystem was refused.
 */
export function netconfRequest(asked: ChannelRequest): ChannelRequest | undefined {
  if (asked.kind === 'subsystem') return asked.name === 'netconf' ? asked : undefined
  return netconfCommands.has(asked.command.trim().replaceAll(/\s+/g, ' ')) ? asked : undefined
}

const netconfCommands = new Set(['netconf', 'xml-mode netconf need-trailer'])
