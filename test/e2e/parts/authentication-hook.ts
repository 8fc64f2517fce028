import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { readFile } from 'node:fs/promises'
import type { TlsPair } from './tls-certificates.js'

/** A question that the bridge asked, with the header that it came with. */
export type Asked = { readonly authorization: string | undefined } & Readonly<Record<string, unknown>>

/** What a service answers: a status, with a body as it is or as JSON, or nothing at all. */
export type HookReply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | 'hangs'
  | 'hangs-up'

export type HookServer = {
  readonly url: string
  /** All questions so far. */
  readonly asked: readonly Asked[]
  readonly stop: () => Promise<void>
}

/** A service that is asked about names and passwords, with TLS where a certificate is given. */
export async function startHookServer(answer: (asked: Asked) => HookReply, pair?: TlsPair): Promise<HookServer> {
  const asked: Asked[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const question = JSON.parse(Buffer.concat(chunks).toString()) as Asked
    const whole = { ...question, authorization: request.headers.authorization }
    asked.push(whole)
    const reply = answer(whole)
    if (reply === 'hangs') return
    if (reply === 'hangs-up') return void request.socket.destroy()
    const { status, body = '', headers = {} } = reply
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  }
  const listener = (request: IncomingMessage, response: ServerResponse): void => void serve(request, response)
  const server =
    pair === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ cert: await readFile(pair.certificate), key: await readFile(pair.key) }, listener)
  // Who does not trust the certificate hangs up in the handshake.
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `${pair === undefined ? 'http' : 'https'}://127.0.0.1:${port}/login`,
    asked,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
