import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Answers one request. */
export type ServeRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => void

export interface OneAtATimeOptions {
  /** Requests of one connection that may wait while another one of it is answered; asked each time. */
  readonly most: () => number
  readonly serve: ServeRequest
  /** Told of a connection that is closed because more of its requests wait. */
  readonly tooMany: (socket: Socket) => void
}

interface Pipelined {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/**
 * Answers the requests of a connection one after the other, each in a turn of the event loop of its own. A client may
 * send many without waiting for their answers (RFC 9112 §9.3.2), and Node hands over all of them at once that came in
 * one piece: some thousands.
 */
export function serveOneAtATime({ most, serve, tooMany }: OneAtATimeOptions): ServeRequest {
  /** What waits on each connection that is being answered. */
  const waiting = new WeakMap<Socket, Pipelined[]>()

  const begin = (queue: Pipelined[], { incoming, outgoing }: Pipelined): void => {
    const { socket } = incoming
    outgoing.once('close', () => {
      if (queue.length === 0) waiting.delete(socket)
      else setImmediate(next, socket, queue)
    })
    serve(incoming, outgoing)
  }
  const next = (socket: Socket, queue: Pipelined[]): void => {
    // Of a client that has left nobody waits for the answers to the others.
    const pipelined = socket.destroyed ? undefined : queue.shift()
    if (pipelined === undefined) waiting.delete(socket)
    else begin(queue, pipelined)
  }
  return (incoming, outgoing) => {
    const { socket } = incoming
    // Node goes on with what it had read of a connection already when it was closed.
    if (socket.destroyed) return
    const queue = waiting.get(socket)
    if (queue === undefined) {
      const fresh: Pipelined[] = []
      waiting.set(socket, fresh)
      begin(fresh, { incoming, outgoing })
    } else if (queue.length < most()) queue.push({ incoming, outgoing })
    else {
      tooMany(socket)
      socket.destroy()
    }
  }
}
