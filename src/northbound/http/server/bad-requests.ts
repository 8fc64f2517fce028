import type { IncomingMessage, ServerResponse } from 'node:http'
import { METHODS, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type HttpClientRefusalReason, httpClientRefusal } from '../../../fleet/refusals/clients.js'
import type { Refusal } from '../../../lib/refusal.js'
import { isProxyHeader } from '../../../net/proxy-protocol/header.js'
import { hostAndPort } from '../../../net/source.js'
import { identifiedGoodbye } from '../../../ssh/early-goodbye.js'
import { PROBLEM_TYPES, problemUri } from '../problem-types.js'

/** What somebody speaks who speaks no HTTP, from the first bytes. */
export function recogniseProtocol(bytes: Buffer | undefined): Refusal<HttpClientRefusalReason> | undefined {
  if (bytes === undefined) return undefined
  if (isProxyHeader(bytes)) return httpClientRefusal('proxy-header-unexpected')
  if (speaksSsh(bytes)) return httpClientRefusal('ssh-on-http-port')
  return bytes[0] === 0x16 && bytes[1] === 0x03 ? httpClientRefusal('tls-on-http-port') : undefined
}

/** Whether somebody speaks SSH, or is about to: a device that calls home. */
function speaksSsh(bytes: Buffer | undefined): boolean {
  return isSsh(bytes) || INITIATION.test(bytes?.toString('latin1', 0, 16) ?? '')
}

function isSsh(bytes: Buffer | undefined): boolean {
  return bytes?.subarray(0, 4).equals(SSH_DASH) === true
}

/** Whether a request of plain HTTP begins so, HTTP/2 included. */
export function speaksHttp(bytes: Buffer): boolean {
  const [method, rest] = bytes.toString('latin1', 0, LONGEST_METHOD + 1).split(' ', 2)
  return rest !== undefined && HTTP_METHODS.has(method ?? '')
}

/** That of HTTP/2's first line, too (RFC 9113 §3.4). */
const HTTP_METHODS: ReadonlySet<string> = new Set([...METHODS, 'PRI'])
const LONGEST_METHOD = Math.max(...[...HTTP_METHODS].map(({ length }) => length))

const SSH_DASH = Buffer.from('SSH-')
/** How a Junos device begins that calls home. */
const INITIATION = /^\s*MSG-(?:ID|VER)\s*:/i

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/**
 * Answers what is no request of HTTP as Node does where nobody listens for it, and closes the connection. SSH is
 * answered in SSH: an sshd that calls home writes the words into its log.
 */
export function answerUnreadable(
  socket: Socket,
  { code, rawPacket }: { readonly code?: string | undefined; readonly rawPacket?: Buffer | undefined },
): void {
  if (speaksSsh(rawPacket)) return answerSsh(socket)
  const status = STATUS_OF[code ?? ''] ?? 400
  const { _httpMessage: answer } = socket as Socket & { readonly _httpMessage?: ServerResponse | null }
  // What comes behind it is no request either, and is answered no more.
  if (socket.writableEnded) return
  if (!socket.writable || answer?.headersSent === true) socket.destroy()
  else closeWith(socket, `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`)
}

function answerSsh(socket: Socket): void {
  const { message, hint } = httpClientRefusal('ssh-on-http-port')
  closeWith(socket, identifiedGoodbye(`${message}; ${hint}`))
}

/** Answers who speaks something else on a port that speaks TLS, in what they speak. */
export function answerWithoutTls(socket: Socket, bytes: Buffer): void {
  if (speaksSsh(bytes)) return answerSsh(socket)
  if (!speaksHttp(bytes)) return void socket.destroy()
  const body = 'this port speaks TLS: use https:// instead of http://\n'
  const head = [
    `HTTP/1.1 400 ${STATUS_CODES[400]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  const isHead = bytes.toString('latin1', 0, 5) === 'HEAD '
  closeWith(socket, `${head.join('\r\n')}\r\n\r\n${isHead ? '' : body}`)
}

/** Milliseconds for which a client that was answered may go on sending. */
const LINGERING = 500

/**
 * Sends the last answer and reads on for a moment: a socket that is closed while something is unread resets the
 * connection, and with it the answer may be lost (RFC 9112 §9.6).
 */
function closeWith(socket: Socket, answer: string | Buffer): void {
  const timer = setTimeout(() => socket.destroy(), LINGERING)
  socket.once('close', () => clearTimeout(timer))
  socket.on('error', () => undefined)
  socket.end(answer)
  socket.resume()
}

/** Says that one source has its share of the connections, and closes this one. */
export function answerNoConnection(socket: Socket): void {
  const body = JSON.stringify({
    type: problemUri('too-many-connections'),
    ...PROBLEM_TYPES['too-many-connections'],
    detail: 'this address has its share of the connections already',
    hint: httpClientRefusal('too-many-from-source').hint,
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

/** The request target of `OPTIONS *` (RFC 9112 §3.2.4) stands for the server as a whole, and is no URL. */
export function nameWholeServer(incoming: IncomingMessage): void {
  if (incoming.method === 'OPTIONS' && incoming.url === '*') incoming.url = '/'
}
