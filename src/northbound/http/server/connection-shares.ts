import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { createFairShare } from '../../../net/fair-share.js'
import { networkOf } from '../../../net/source-network.js'
import { standBeforeConnections } from './before-connections.js'

/**
 * Lets no source have all connections of a server: what it serves connections with is called for those alone that may
 * come in.
 * @param refuse closes a connection that may not
 */
export function shareConnections(
  server: HttpServer | HttpsServer,
  options: {
    readonly total: () => number
    readonly isUnlimited: (network: string) => boolean
    readonly refuse: (socket: Socket, held: number) => void
  },
): void {
  const { total, isUnlimited, refuse } = options
  const shares = createFairShare(total, { isUnlimited })
  standBeforeConnections(server, (socket, letIn) => {
    const network = networkOf(socket.remoteAddress ?? '')
    if (!shares.mayHaveMore(network)) return refuse(socket, shares.holds(network))
    shares.take(network)
    socket.once('close', () => shares.give(network))
    letIn()
  })
}
