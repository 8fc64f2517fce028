import { homeportCommand } from '../../lib/shell-word.js'
import { approveCommand } from '../../trust/ssh/approve-command.js'

/** What to do for a device id that has shown no key, where a device that sent no id waits with that key. */
export function nameWaitingKey(fingerprint: string, as: string): string {
  const command = approveCommand({ deviceId: fingerprint, fingerprint }, { as })
  return `a device that sent no id waits with this key; to give it the id: ${command}`
}

/** How a device gets a name that was approved under the fingerprint of its key. */
export function nameApprovedKey(fingerprint: string, as: string): string {
  return (
    `to name it: ${homeportCommand('devices forget', fingerprint)}; wait until it has called again; then ` +
    approveCommand({ deviceId: fingerprint, fingerprint }, { as })
  )
}
