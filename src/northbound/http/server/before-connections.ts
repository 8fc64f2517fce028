import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'

/**
 * Stands before what a server serves its connections with, which then has those alone that are let in.
 * @param admit is given each connection, and what lets it in, now or later
 */
export function standBeforeConnections(
  server: HttpServer | HttpsServer,
  admit: (socket: Socket, letIn: () => void) => void,
): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) =>
    admit(socket, () => {
      for (const listener of listeners) listener.call(server, socket)
    }),
  )
}
