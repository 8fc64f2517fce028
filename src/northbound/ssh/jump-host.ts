import type { Socket } from 'node:net'
import type { Connection, ServerChannel, TcpipRequestInfo } from 'ssh2'
import type { LiveRights } from '../../access/authz/live-rights.js'
import type { RightEnd } from '../../access/authz/right-end.js'
import { socketOverChannel } from '../../ssh/ssh2/channel-socket.js'
import { governFlow } from '../../ssh/ssh2/flow-control.js'
import { type OpenFailure, refuseChannel } from '../../ssh/ssh2/channels.js'
import { socketOf } from '../../ssh/ssh2/connections.js'
import type { Log } from '../../telemetry/log.js'
import type { ClientMetrics } from '../../telemetry/metrics.js'
import type { EntryPoints } from './entry-points.js'
import { notePortRefused, type OwnPortServices, serveOwnPort } from './own-port.js'
import type { RefusalLines } from './refusal-lines.js'
import type { EntryPoint } from './target.js'
import { jumpRefusal, type JumpRefusalReason } from '../../fleet/refusals/clients.js'
import type { Refusal } from '../../lib/refusal.js'
import { strangerText } from '../../lib/stranger-text.js'

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
  readonly ownPorts: OwnPortServices
}

/**
 * Lets a client reach devices as if the bridge were a jump host (`ssh -J bridge router1`, `ssh -W router1:830 bridge`):
 * a `direct-tcpip` channel (RFC 4254 §7.2) whose host is a device ends in the bridge's own SSH for that device, where
 * the client logs in once more. One whose host is `self.` and a device ends in the device itself, at a port of its own
 * (`own-port.ts`). Nothing is ever dialled. Asking for anything else is refused, and a device that the client has no
 * rights on is no device to it.
 */
export function serveJumps(connection: Connection, jumpHost: JumpHost): void {
  const { entryPoints, enter, maxJumps, forbidden, mayReach, live, log, user, refusalLines, metrics, ownPorts } =
    jumpHost
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

  /** Past the bridge, to a port of the device's own. */
  const pass = async (
    { destIP: host, destPort: port }: TcpipRequestInfo,
    { deviceId, asked }: NonNullable<ReturnType<EntryPoints['self']>>,
    channel: Answer,
  ): Promise<void> => {
    jumps += 1
    try {
      const why = await mayReach(deviceId ?? asked)
      if (socket.destroyed) return
      if (deviceId === undefined || why !== undefined)
        return channel.refuse(jumpRefusal('not-a-device', host, port, why?.message))
      await serveOwnPort({ connection, deviceId, port, accept: channel.accept, refuse: channel.tell }, ownPorts)
    } finally {
      jumps -= 1
    }
  }

  connection.on('tcpip', (accept, reject, given) => {
    const asked = { ...given, destIP: strangerText(given.destIP, MAX_HOST_LENGTH) }
    const { destIP: host, destPort: port } = asked
    const own = entryPoints.self(host)
    const tell: Answer['tell'] = (failure, { message, hint }) => {
      if (!socket.destroyed) refuseChannel(connection, reject, { failure, why: `homeport: ${message}; ${hint}` })
    }
    const refuse = ({ reason, message, toPeer, hint }: JumpRefusal): void => {
      if (own === undefined)
        refusalLines(log, { what: 'jump refused', user, reason, message, hint, fields: { host, port } })
      else notePortRefused({ deviceId: own.deviceId ?? own.asked, port }, { reason, message, hint }, ownPorts)
      metrics.connectionRefused(reason)
      tell('prohibited', { message: toPeer ?? message, hint })
    }
    if (forbidden) return refuse(jumpRefusal('no-forwarding'))
    if (jumps >= maxJumps) return refuse(jumpRefusal('too-many-jumps', jumps))
    const served = own === undefined ? jump(asked, accept, refuse) : pass(asked, own, { accept, refuse, tell })
    served.catch((error: unknown) => {
      log.error({ err: error, host, port }, 'connection closed: a jump failed')
      socket.destroy()
    })
  })
}

/** Refuses whatever a client asks to reach through a connection that is no way to further ones. */
export function refuseJumps(
  connection: Connection,
  where: Parameters<typeof jumpRefusal<'no-jump-host'>>[1],
  { log, user, refusalLines, metrics }: Pick<JumpHost, 'log' | 'user' | 'refusalLines' | 'metrics'>,
): void {
  connection.on('tcpip', (_accept, reject, { destIP, destPort: port }) => {
    const { reason, message, hint } = jumpRefusal('no-jump-host', where)
    const host = strangerText(destIP, MAX_HOST_LENGTH)
    refusalLines(log, { what: 'jump refused', user, reason, message, hint, fields: { host, port } })
    metrics.connectionRefused(reason)
    refuseChannel(connection, reject, { failure: 'prohibited', why: `homeport: ${message}; ${hint}` })
  })
}

/** No host name is longer (RFC 1035 §2.3.4), and no device id is. */
const MAX_HOST_LENGTH = 255

/** How what a client asked for is answered. */
interface Answer {
  readonly accept: () => ServerChannel
  readonly refuse: (refusal: JumpRefusal) => void
  /** The same to the client alone: whoever calls it has logged and counted it. */
  readonly tell: (failure: OpenFailure, refusal: { readonly message: string; readonly hint: string }) => void
}

/** Milliseconds that sessions inside a jump get to tell why they end. */
const FAREWELL_TIMEOUT = 1_500

type JumpRefusal = Refusal<JumpRefusalReason> & { readonly toPeer?: string }
