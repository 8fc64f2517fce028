import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps, type RequestOptions } from 'node:https'
import type { BridgeLocation } from './find-bridge.js'

/** A request whose answer is read as it comes. */
export interface BridgeCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Starts with `/`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal?: AbortSignal
}

/** Sends a request to a running bridge and resolves once its answer begins. Rejects when there is none. */
export function callBridge(
  location: BridgeLocation,
  { method, path, headers, body, signal }: BridgeCall,
): Promise<IncomingMessage> {
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
