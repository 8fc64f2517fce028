import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps, type RequestOptions } from 'node:https'
import type { BridgeLocation, SocketPlace } from './find-bridge.js'

/** A request whose answer is read as it comes. */
export interface BridgeCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Starts with `/`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal?: AbortSignal
}

/** A socket that was tried, and the code of why it could not be opened. */
export interface TriedSocket extends SocketPlace {
  readonly code: string
}

/** None of the sockets where a bridge may be could be opened. */
export class NoSocketAnswers extends Error {
  constructor(
    readonly tried: readonly TriedSocket[],
    options: ErrorOptions,
  ) {
    super('no socket of a bridge answers', options)
  }
}

/** What connect(2) says where no bridge is, or where this user may not ask it: another place may have one. */
const NOT_HERE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'EACCES', 'EPERM'])

/**
 * Sends a request to a running bridge and resolves once its answer begins: to the first socket that takes it, where
 * there are several. Rejects when there is none, with `NoSocketAnswers` where no socket could be opened.
 */
export async function callBridge(location: BridgeLocation, call: BridgeCall): Promise<IncomingMessage> {
  if (location.kind === 'url') return send(location, call)
  const tried: TriedSocket[] = []
  const { further = [] } = location
  for (const { path, config } of [location, ...further])
    try {
      return await send({ kind: 'socket', path }, call)
    } catch (error) {
      const { syscall, code = '' } = error as NodeJS.ErrnoException
      if (syscall !== 'connect' || !NOT_HERE.has(code)) throw error
      tried.push({ path, code, ...(config === undefined ? {} : { config }) })
      if (tried.length > further.length) throw new NoSocketAnswers(tried, { cause: error })
    }
  throw new TypeError('unreachable: there is one place at least')
}

function send(location: BridgeLocation, { method, path, headers, body, signal }: BridgeCall): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method,
    agent: false,
    ...(location.kind === 'url' && location.ca !== undefined ? { ca: location.ca } : {}),
    ...(signal === undefined ? {} : { signal }),
    headers: {
      ...headers,
      ...(body === undefined ? {} : { 'Content-Length': String(body.length) }),
      ...(location.kind === 'url' && location.token !== undefined ? { Authorization: `Bearer ${location.token}` } : {}),
    },
  }
  return new Promise((resolve, reject) => {
    const request =
      location.kind === 'socket'
        ? requestHttp({ ...options, socketPath: location.path, path }, resolve)
        : (location.url.protocol === 'https:' ? requestHttps : requestHttp)(
            new URL(location.url.pathname.replace(/\/$/, '') + path, location.url),
            options,
            resolve,
          )
    request.once('error', reject)
    request.end(body)
  })
}
