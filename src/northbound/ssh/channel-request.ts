import type { ChannelKind } from '../../access/authz/role.js'
import type { SessionPurpose } from '../../ssh/session-channel.js'
import { isNetconfCommand } from '../../ssh/netconf-command.js'
import { isScpCommand } from './scp-command.js'

/** What a client's request comes to. */
export interface ChannelUse {
  readonly kind: Exclude<ChannelKind, 'ssh'>
  /** Each of these, among the channels that a user's roles allow, is enough. */
  readonly allowedBy: readonly ChannelKind[]
}

/** What a request is for; undefined for a subsystem that is not carried to devices. */
export function channelUse(asked: SessionPurpose): ChannelUse | undefined {
  if (asked.kind === 'subsystem' && asked.name === 'netconf') return { kind: 'netconf', allowedBy: ['netconf'] }
  if (asked.kind === 'exec' && isNetconfCommand(asked.command)) return { kind: 'netconf', allowedBy: ['netconf'] }
  if (asked.kind === 'shell') return { kind: 'shell', allowedBy: ['shell'] }
  if (asked.kind === 'subsystem') return asked.name === 'sftp' ? { kind: 'sftp', allowedBy: ['sftp'] } : undefined
  // The old scp does with a file what SFTP does; PyEZ still speaks it.
  if (isScpCommand(asked.command)) return { kind: 'exec', allowedBy: ['exec', 'sftp'] }
  return { kind: 'exec', allowedBy: ['exec'] }
}
