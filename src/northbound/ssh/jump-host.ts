import type { Socket } from 'node:net'
import type { Connection, ServerChannel, TcpipRequestInfo } from 'ssh2'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import { socketOverChannel } from '../../ssh/ssh2/channel-socket.js'
import { governFlow } from '../../ssh/ssh2/flow-control.js'
import { prohibitChannel } from '../../ssh/ssh2/channels.js'
import { socketOf } from '../../ssh/ssh2/connections.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { EntryPoints } from './entry-points.js'
import type { RefusalLines } from './refusal-lines.js'
import type { EntryPoint } from './target.js'
import { jumpRefusal, type JumpRefusalReason } from '../../fleet/refusals/clients.js'
import type { Refusal } from '../../lib/refusal.js'

/** What a client's connection needs to be a way to further ones. */
export interface JumpHost {
  readonly entryPoints: EntryPoints
  /** Serves a connection inside this one; false when there are too many already. */
  readonly enter: (socket: Socket, entryPoint: EntryPoint) => boolean
  readonly maxJumps: number
  /** What the client proved itself with takes the right away. */
  readonly forbidden: boolean
  /** Why the client may not reach a device, known or not; undefined where nothing speaks against it. */
  readonly mayReach: (deviceId: string) => Promise<RightEnd | undefined>
  readonly live: LiveRights
  readonly log: Log
  readonly user: string
  readonly refusalLines: RefusalLines
  readonly metrics: Pick<ClientMetrics, 'connectionRefused'>
}

/**
 * Lets a client reach devices as if the bridge were a jump host (`ssh -J bridge router1`, `ssh -W router1:830 bridge`):
 * a `direct-tcpip` channel (RFC 4254 §7.2) whose host is a device ends in the bridge's own SSH for that device, where
 * the client logs in once more. Nothing is ever dialled. Asking for anything else is refused, and a device that the
 * client has no rights on is no device to it.
 */
export function serveJumps(connection: Connection, jumpHost: JumpHost): void {
  const { entryPoints, enter, maxJumps, forbidden, mayReach, live, log, user, refusalLines, metrics } = jumpHost
  const socket = socketOf(connection)
  let jumps = 0

  const jump = async (
    { destIP: host, destPort: port }: TcpipRequestInfo,
    accept: () => ServerChannel,
    refuse: (refusal: JumpRefusal) => void,
  ): Promise<void> => {
    const entryPoint = entryPoints.behind(host, port)
    // Counted before anything is waited for: many may ask at once.
    jumps += 1
    // Asked also where there is no such device, so that both take the same way, and the same time.
    const why = await mayReach(entryPoint?.deviceId ?? host)
    if (socket.destroyed) return
    if (entryPoint === undefined || why !== undefined) {
      jumps -= 1
      return refuse(jumpRefusal('not-a-device', host, port, why?.message))
    }
    const channel = accept()
    governFlow(channel)
    const inner = socketOverChannel(channel, socket)
    const release = live.watch({
      check: () => mayReach(entryPoint.deviceId),
      end: ({ reason, message, hint }) => {
        log.warn({ reason, deviceId: entryPoint.deviceId, hint }, `jump ended: ${message}`)
        // What goes on inside it has a moment to tell its own end.
        setTimeout(() => inner.destroy(), FAREWELL_TIMEOUT).unref()
      },
    })
    inner.once('close', () => {
      jumps -= 1
      release()
    })
    if (!enter(inner, entryPoint)) return
    log.info({ deviceId: entryPoint.deviceId, host, port }, 'client jumps to a device')
  }

  connection.on('tcpip', (accept, reject, asked) => {
    const { destIP: host, destPort: port } = asked
    const refuse = ({ reason, message, toPeer, hint }: JumpRefusal): void => {
      refusalLines(log, { what: 'jump refused', user, reason, message, hint, fields: { host, port } })
      metrics.connectionRefused(reason)
      prohibitChannel(connection, reject, `homeport: ${toPeer ?? message}; ${hint}`)
    }
    if (forbidden) return refuse(jumpRefusal('no-forwarding'))
    if (jumps >= maxJumps) return refuse(jumpRefusal('too-many-jumps', jumps))
    jump(asked, accept, refuse).catch((error: unknown) => {
      log.error({ err: error, host, port }, 'connection closed: a jump failed')
      socket.destroy()
    })
  })
}

/** Milliseconds that sessions inside a jump get to tell why they end. */
const FAREWELL_TIMEOUT = 1_500

type JumpRefusal = Refusal<JumpRefusalReason> & { readonly toPeer?: string }
