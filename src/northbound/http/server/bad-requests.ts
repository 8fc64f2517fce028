import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { httpClientRefusal, type HttpClientRefusalReason } from '../../../fleet/refusals/clients.js'
import type { Refusal } from '../../../lib/refusal.js'
import { PROBLEM_TYPES, problemUri } from '../problem-types.js'
import { hostAndPort } from '../../../net/source.js'

/** What a failed request or TLS handshake was, from its first bytes or the code of the failure. */
export function recogniseProtocol(failure: {
  readonly code?: string | undefined
  readonly rawPacket?: Buffer | undefined
}): Refusal<HttpClientRefusalReason> | undefined {
  const { code, rawPacket } = failure
  if (rawPacket?.subarray(0, 4).equals(SSH_DASH) === true) return httpClientRefusal('ssh-on-http-port')
  if (rawPacket?.[0] === 0x16 && rawPacket[1] === 0x03) return httpClientRefusal('tls-on-http-port')
  return code === 'ERR_SSL_HTTP_REQUEST' ? httpClientRefusal('http-on-https-port') : undefined
}

const SSH_DASH = Buffer.from('SSH-')

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** Answers what is no request of HTTP as Node does where nobody listens for it, and closes the connection. */
export function answerUnreadable(socket: Socket, code: string | undefined): void {
  const status = STATUS_OF[code ?? ''] ?? 400
  const { _httpMessage: answer } = socket as Socket & { readonly _httpMessage?: ServerResponse | null }
  if (socket.writable && answer?.headersSent !== true)
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`)
  socket.destroy()
}

/** Says that one source has its share of the connections, and closes this one. */
export function answerNoConnection(socket: Socket): void {
  const body = JSON.stringify({
    type: problemUri('too-many-connections'),
    ...PROBLEM_TYPES['too-many-connections'],
    detail: 'this address has its share of the connections already',
  })
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'Content-Type: application/problem+json',
    `Content-Length: ${body.length}`,
    'Retry-After: 5',
    'Connection: close',
  ]
  socket.on('error', () => undefined)
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/**
 * Whether a request names more than one host (RFC 9112 §3.2: 400), which two programs might read in two ways. Node
 * keeps the first and says nothing.
 */
export function namesTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length > 1
}

/** Gives a request of HTTP/1.0, which need not name a host (RFC 1945), the address that it came to. */
export function nameHost(incoming: IncomingMessage): void {
  const { headers, httpVersion, socket } = incoming
  if (httpVersion === '1.0' && headers.host === undefined)
    headers.host = hostAndPort(socket.localAddress ?? 'localhost', socket.localPort ?? 80)
}
