import type { ChannelPurpose } from '../ssh/session-channel.js'

/**
 * The name of what a session is for, as logs and answers have it: a subsystem, `shell`, a port of the device's, or the
 * first word of a command. The rest of a command may hold secrets, and so may a first word that is an assignment.
 */
export function describeRequest(request: ChannelPurpose): string {
  if (request.kind === 'subsystem') return request.name
  if (request.kind === 'shell') return 'shell'
  if (request.kind === 'tcp') return String(request.port)
  return /^\s*([\w./-]+)(?=\s|$)/.exec(request.command)?.[1] ?? 'command'
}
