/** Connections of ssh2: the socket below one, when what came on it is worked on, signs of life, and how it is ended. */
import type { Socket } from 'node:net'
import type { Client, Connection } from 'ssh2'
import { strangerText } from '../../lib/stranger-text.js'
import { type AgreedKeyExchange, agreedKeyExchange } from '../post-quantum.js'
import { inside, type Protocol } from './internals.js'
import { disconnectMessage, sendPayload } from './packets.js'

/** The TCP socket below an SSH connection. */
export function socketOf(connection: Client | Connection): Socket {
  return inside(connection)._sock
}

/** Of an SSH identification (RFC 4253 §4.2). */
const MAX_SOFTWARE_LENGTH = 255

/** The software version in the other side's SSH identification, such as `OpenSSH_9.2p1`. */
export function remoteSoftwareOf(client: Client): string {
  return strangerText(inside(client)._remoteVer ?? 'unknown', MAX_SOFTWARE_LENGTH)
}

/** What the last key exchange of a connection was; undefined before the first. */
export function keyExchangeOf(connection: Client | Connection): AgreedKeyExchange | undefined {
  const { _kex: exchange } = inside(connection)._protocol
  return exchange === undefined ? undefined : agreedKeyExchange(exchange.negotiated.kex)
}

/**
 * Lets a client repeat SERVICE_REQUEST before each authentication attempt, as paramiko and ncclient do and sshd allows.
 * ssh2 disconnects on the second one, so that a second key or a password would never be tried.
 */
export function tolerateRepeatedServiceRequest(connection: Connection): void {
  const { _protocol: protocol } = inside(connection)
  const original = protocol._handlers['SERVICE_REQUEST']
  let accepted = false
  protocol._handlers['SERVICE_REQUEST'] = (p, name) => {
    if (accepted && name === 'ssh-userauth' && inside(connection).authenticated !== true) {
      p.serviceAccept(name)
      return
    }
    accepted = name === 'ssh-userauth'
    original?.(p, name)
  }
}

/**
 * Lets somebody else decide when what a peer sent is worked on: key exchange costs milliseconds. Nothing more is read
 * from its socket meanwhile. It may begin while ssh2 reads the identification of a client; what came with that is
 * governed already.
 * @param run does the work, at once or later
 * @returns ends that: what is sent from then on is worked on as it comes
 */
export function governWork(connection: Client | Connection, run: (work: () => void) => void): () => void {
  const { _protocol: protocol, _sock: socket } = inside(connection)
  const { parse, _parse: parsePart } = protocol
  let waiting: (() => void) | undefined
  const governed: Protocol['parse'] = (data, start, end) => {
    if (protocol._parse === parseLater) protocol._parse = parsePart
    socket.pause()
    const work = (): void => {
      if (waiting !== work) return
      waiting = undefined
      try {
        // Once the connection has failed, ssh2 has another function in this place and has freed what this one needs.
        if (protocol.parse === governed || protocol.parse === parse) parse.call(protocol, data, start, end)
      } catch (error) {
        connection.emit('error', error)
        socket.end()
      }
      socket.resume()
    }
    waiting = work
    run(work)
  }
  protocol.parse = governed
  /** Takes the rest of the bytes that are being read at this moment. */
  const parseLater: Protocol['_parse'] = (data, start, end) => {
    governed(data, start, end)
    return end
  }
  protocol._parse = parseLater
  return () => {
    if (protocol.parse === governed) protocol.parse = parse
    waiting?.()
  }
}

/** `SSH_DISCONNECT_BY_APPLICATION` (RFC 4253 §11.1). */
export const BY_APPLICATION = 11
/** `SSH_DISCONNECT_TOO_MANY_CONNECTIONS` (RFC 4253 §11.1). */
export const TOO_MANY_CONNECTIONS = 12

/** Ends a connection and says why, which ssh2's own `end()` does not. */
export function sayGoodbye(connection: Connection, reason: number, words: string): void {
  const { _protocol: protocol, _sock: socket } = inside(connection)
  if (!socket.writable) return
  sendPayload(protocol, disconnectMessage(reason, words))
  socket.end()
}

/**
 * Answers that a device may owe us; beyond, the oldest is not waited for any more, so that a device that gives none
 * costs nothing.
 */
const MOST_ANSWERS_OWED = 16

/**
 * Asks the other side whether it is there (`keepalive@openssh.com`); `answered` is called when it says that it is, or
 * that it does not know the request.
 */
export function probe(connection: Client | Connection, answered: () => void = ignored): void {
  const { _callbacks: callbacks, _protocol: protocol, _sock: socket } = inside(connection)
  if (!socket.writable) return
  // Answers to global requests come in their order (RFC 4254 §4), so each has its place. A server of ssh2 keeps none.
  if (callbacks !== undefined) {
    callbacks.push(answered)
    if (callbacks.length > MOST_ANSWERS_OWED) callbacks.shift()
  }
  protocol.ping()
}

const ignored = (): void => undefined

/** Milliseconds that the other side of a connection that failed gets to read why, and to close it. */
const FAREWELL = 1_000

/**
 * Closes a connection soon after it has failed. ssh2 only ends its own half then, hears nothing more, and takes the
 * connection for open for as long as the other side likes.
 */
export function closeOnceFailed(connection: Client | Connection): void {
  const { _sock: socket } = inside(connection)
  const events: { readonly on: (event: 'error', listener: () => void) => unknown } = connection
  events.on('error', () => setTimeout(() => socket.destroy(), FAREWELL).unref())
}
