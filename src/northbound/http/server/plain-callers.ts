import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { type HttpClientRefusalReason, httpClientRefusal } from '../../../fleet/refusals/clients.js'
import type { Refusal } from '../../../lib/refusal.js'
import { readFirstBytes } from '../../../net/first-bytes.js'
import { answerWithoutTls, recogniseProtocol, speaksHttp } from './bad-requests.js'
import { standBeforeConnections } from './before-connections.js'

/** The first byte of whoever speaks TLS: a record of a handshake. */
const HANDSHAKE = 0x16
/** All that is looked at is told by so many bytes; the longest is a method of HTTP with a space behind it. */
const ENOUGH = 16

type WrongCaller = Refusal<HttpClientRefusalReason>

/**
 * Looks at the first bytes of each connection to a server that speaks TLS, and answers who speaks something else: TLS
 * would close without a word that they understand. What nobody speaks is left to TLS.
 * @returns to close the connections that have not begun
 */
export function refusePlainCallers(
  server: HttpServer | HttpsServer,
  options: {
    /** Milliseconds for the first bytes to arrive; TLS has as many for the rest of its handshake. */
    readonly timeout: () => number
    readonly refuse: (refusal: WrongCaller, socket: Socket) => void
  },
): { readonly close: () => void } {
  const silent = new Set<Socket>()
  standBeforeConnections(server, (socket, letIn) => {
    silent.add(socket)
    readFirstBytes(socket, { timeout: options.timeout(), read }, (first) => {
      silent.delete(socket)
      if (first.state !== 'read') return void socket.destroy()
      const { wrong, bytes } = first.value
      if (wrong === undefined) return letIn()
      options.refuse(wrong, socket)
      answerWithoutTls(socket, bytes)
    })
  })
  return {
    close: () => {
      for (const socket of silent) socket.destroy()
    },
  }
}

interface Opening {
  /** Undefined: it may be TLS. */
  readonly wrong: WrongCaller | undefined
  readonly bytes: Buffer
}

function read(bytes: Buffer): { readonly value: Opening; readonly length: number } | undefined {
  const wrong = wrongCaller(bytes)
  if (wrong === undefined && bytes[0] !== HANDSHAKE && bytes.length < ENOUGH) return undefined
  // Nothing is taken away from TLS.
  return { value: { wrong, bytes }, length: 0 }
}

function wrongCaller(bytes: Buffer): WrongCaller | undefined {
  if (bytes[0] === HANDSHAKE) return undefined
  return speaksHttp(bytes) ? httpClientRefusal('http-on-https-port') : recogniseProtocol(bytes)
}
