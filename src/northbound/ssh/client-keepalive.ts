import { Socket } from 'node:net'
import type { Connection } from 'ssh2'
import { clientRefusal } from '../../fleet/refusals/clients.js'
import type { Keepalive, Silence } from '../../ssh/keepalive.js'
import { probe, socketOf } from '../../ssh/ssh2/connections.js'
import type { Log } from '../../telemetry/log.js'

/** Milliseconds between two probes, 0 for none, and how many may stay unanswered. */
export interface ClientProbes {
  readonly keepaliveInterval: number
  readonly keepaliveCountMax: number
}

/** How TCP is asked where clients are not probed; times in milliseconds. */
const TCP_ALONE = { interval: 30_000, countMax: 3 }

/**
 * Lets go of a client that is gone without a word. A client may be idle, and read nothing, for as long as it likes:
 * programs on libssh and libssh2 answer a keepalive only while they call the library. So TCP judges: its own keepalive
 * where nothing is under way, else what it says of the bytes that were sent.
 * @param probes asks the client itself besides, where an interval is given
 */
export function watchClient(
  connection: Connection,
  keepalive: Keepalive,
  { probes, log }: { readonly probes: ClientProbes; readonly log: Log },
): void {
  const socket = socketOf(connection)
  // A connection inside another one is lost with it.
  if (!(socket instanceof Socket)) return
  const { keepaliveInterval: interval, keepaliveCountMax: countMax } = probes
  const letGo = (why: string): void => {
    const { reason, message } = clientRefusal('client-silent', why)
    log.info({ reason }, `client let go: ${message}`)
    socket.destroy()
  }
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ETIMEDOUT') letGo(WHY.unacknowledged)
  })
  const stop =
    interval === 0
      ? keepalive.watch({ socket, silent: (silence) => letGo(WHY[silence]) }, { ...TCP_ALONE, maxReplyWait: 0 })
      : keepalive.watch(
          { socket, probe: () => probe(connection), silent: (silence) => letGo(WHY[silence]) },
          { interval, countMax, maxReplyWait: 0 },
        )
  socket.once('close', stop)
}

const WHY: Readonly<Record<Silence, string>> = {
  'no-answer': 'it answered no keepalive probe (endpoint.ssh.keepalive-interval, keepalive-count-max)',
  unacknowledged: 'TCP gets no acknowledgement from its address',
}
