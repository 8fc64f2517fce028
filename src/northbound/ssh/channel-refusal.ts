import type { Permission } from '../../access/authz/permission.js'
import type { ChannelPurpose } from '../../fleet/link.js'
import type { SessionRefusalText } from '../authorise.js'
import type { ChannelUse } from './channel-request.js'

/** What a client is told whose roles do not allow the channel that it asked for. */
export function channelNotAllowed(
  asked: ChannelPurpose,
  { allowedBy }: ChannelUse,
  { channels, roles }: Permission,
  whom: { readonly user: string; readonly deviceId: string },
): SessionRefusalText {
  const allowed = [...channels].join(', ') || 'none'
  const names = roles.join(', ')
  const wanting = allowedBy.map((kind) => `\`${kind}\``).join(' or ')
  const instead = channels.has('netconf') ? '; for NETCONF ask for its subsystem, as in `ssh -s … netconf`' : ''
  return {
    reason: 'channel-not-allowed',
    message: `user ${JSON.stringify(whom.user)} may not have ${inWords(asked)} on device ${JSON.stringify(whom.deviceId)}: the channels of role ${names} are ${allowed}`,
    hint: `it takes a role with ${wanting} among its \`channels\`${instead}`,
  }
}

export function unknownSubsystem(asked: ChannelPurpose): SessionRefusalText {
  return {
    reason: 'unknown-subsystem',
    message: `${inWords(asked)} is not carried to devices`,
    hint: 'those that are: netconf, as in `ssh -s … netconf`, and sftp',
  }
}

export const keyForNetconf: SessionRefusalText = {
  reason: 'channel-not-allowed',
  message: 'the key or certificate of this login is for NETCONF only (command=, force-command)',
  hint: 'ask for the subsystem netconf, as in `ssh -s … netconf`, or log in with another key',
}

/** ssh2 reads a command as UTF-8, so the device would be given another one than was sent. */
export const commandNotUtf8: SessionRefusalText = {
  reason: 'command-not-utf-8',
  message: 'the command is not UTF-8, and would not reach the device as it was sent',
  hint: 'write it in UTF-8, or use a shell or SFTP',
}

/** What a text holds in place of bytes that were not UTF-8. */
export const replacementCharacter = '\uFFFD'

/** Commands may hold secrets and are not repeated. */
function inWords(asked: ChannelPurpose): string {
  if (asked.kind === 'shell') return 'a shell'
  if (asked.kind === 'exec') return 'this command run'
  return asked.name === 'netconf' ? 'NETCONF' : `the subsystem ${JSON.stringify(asked.name)}`
}
