import type { Permission } from '../../access/authz/permission.js'
import type { SessionPurpose } from '../../ssh/session-channel.js'
import { sessionRefusal } from '../../fleet/refusals/sessions.js'
import type { ChannelUse } from './channel-request.js'

/** What a client is told whose roles do not allow the channel that it asked for. */
export function channelNotAllowed(
  asked: SessionPurpose,
  { allowedBy }: ChannelUse,
  whose: { readonly permission: Permission; readonly user: string; readonly deviceId: string },
) {
  const { permission, user, deviceId } = whose
  const { channels, roles } = permission
  const allowed = [...channels].join(', ') || 'none'
  const names = roles.join(', ')
  const wanting = allowedBy.map((kind) => `\`${kind}\``).join(' or ')
  const instead = channels.has('netconf') ? '; for NETCONF ask for its subsystem, as in `ssh -s … netconf`' : ''
  return sessionRefusal(
    'channel-not-allowed',
    `user ${JSON.stringify(user)} may not have ${inWords(asked)} on device ${JSON.stringify(deviceId)}: ` +
      `the channels of role ${names} are ${allowed}`,
    `it takes a role with ${wanting} among its \`channels\`${instead}`,
  )
}

export const unknownSubsystem = (asked: SessionPurpose) => sessionRefusal('unknown-subsystem', inWords(asked))

export const keyForNetconf = sessionRefusal(
  'channel-not-allowed',
  'the key or certificate of this login is for NETCONF only (command=, force-command)',
  'ask for the subsystem netconf, as in `ssh -s … netconf`, or log in with another key',
)

/** What a text holds in place of bytes that were not UTF-8. */
export const REPLACEMENT_CHARACTER = '\uFFFD'

/** Commands may hold secrets and are not repeated. */
function inWords(asked: SessionPurpose): string {
  if (asked.kind === 'shell') return 'a shell'
  if (asked.kind === 'exec') return 'this command run'
  return asked.name === 'netconf' ? 'NETCONF' : `the subsystem ${JSON.stringify(asked.name)}`
}
