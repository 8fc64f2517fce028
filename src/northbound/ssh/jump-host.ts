import type { Socket } from 'node:net'
import type { Connection } from 'ssh2'
import { socketOverChannel } from '../../ssh/channel-socket.js'
import { governFlow } from '../../ssh/ssh2-internals-flow.js'
import { prohibitChannel, socketOf } from '../../ssh/ssh2-internals.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { Doors } from './doors.js'
import type { Door } from './target.js'

/** What a client's connection needs to be a way to further ones. */
export interface JumpHost {
  readonly doors: Doors
  /** Serves a connection inside this one; false when there are too many already. */
  readonly enter: (socket: Socket, door: Door) => boolean
  readonly maxJumps: number
  /** What the client proved itself with takes the right away. */
  readonly forbidden: boolean
  readonly log: Log
  readonly metrics: Pick<ClientMetrics, 'connectionRefused'>
}

/**
 * Lets a client reach devices as if the bridge were a jump host (`ssh -J bridge router1`, `ssh -W router1:830 bridge`): a `direct-tcpip` channel
 * (RFC 4254 §7.2) whose host is a device ends in the bridge's own SSH for that device, where the client logs in once more.
 * Nothing is ever dialled. Asking for anything else is refused.
 */
export function serveJumps(
  connection: Connection,
  { doors, enter, maxJumps, forbidden, log, metrics }: JumpHost,
): void {
  let jumps = 0
  connection.on('tcpip', (accept, reject, { destIP: host, destPort: port }) => {
    const refuse = (reason: string, why: string, hint: string): void => {
      log.warn({ reason, host, port, hint }, `jump refused: ${why}`)
      metrics.connectionRefused(reason)
      prohibitChannel(connection, reject, `homeport: ${why}; ${hint}`)
    }
    if (forbidden)
      return refuse(
        'no-forwarding',
        'the key or certificate of this login lets nothing be reached through its connection',
        'log in as user@device-id, or with a key without no-port-forwarding, a certificate with permit-port-forwarding',
      )
    const door = doors.behind(host, port)
    if (door === undefined)
      return refuse(
        'not-a-device',
        `${JSON.stringify(host)} port ${port} is no device here`,
        'ask for a device id, port 830 or 22',
      )
    if (jumps >= maxJumps)
      return refuse(
        'too-many-jumps',
        `${jumps} connections through this one are open`,
        'close some, or raise endpoint.ssh.max-jumps-per-connection',
      )
    const channel = accept()
    governFlow(channel)
    const inner = socketOverChannel(channel, socketOf(connection))
    jumps += 1
    inner.once('close', () => {
      jumps -= 1
    })
    if (!enter(inner, door)) return
    log.info({ deviceId: door.deviceId, host, port }, 'client jumps to a device')
  })
}
